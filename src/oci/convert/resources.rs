//! Limits.

use crate::error::Result;
use crate::oci::config::Config;
use crate::spec::resources::Resources;

/// What it may use.
pub fn resources<'a>(_: &'a Config<'a>) -> Result<Resources<'a>> {
    Ok(Resources::default())
}
