//! The services of examples/, run by the real service managers in a container, and the Debian package, installed
//! and removed in one.

use crate::stage::{Stage, Who, variable};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Why these cannot be tried here, if so.
pub fn missing(programs: &[&str]) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root".into());
    }
    let Some(debian) = variable("MINI_TEST_DEBIAN") else {
        return Some("needs MINI_TEST_DEBIAN".into());
    };
    let lacks = programs.iter().find(|program| !debian.join(program).exists())?;
    Some(format!("needs {lacks} in MINI_TEST_DEBIAN"))
}

pub const SYSTEMD: &str = "usr/lib/systemd/systemd";
pub const OPENRC: &str = "usr/sbin/openrc-run";
pub const S6: &str = "usr/bin/s6-svscan";

/// systemd as process 1 of a container starts the service, sees it running, and stops it without a failure.
pub fn systemd(stage: &Stage) -> Result<(), String> {
    let said = in_debian(
        stage,
        "cp /examples/systemd/mini-hello.service /etc/systemd/system/
cat >/etc/systemd/system/probe.service <<'END'
[Unit]
DefaultDependencies=no
After=mini-hello.service
Wants=mini-hello.service
[Service]
Type=oneshot
StandardOutput=append:/out/said
ExecStart=/bin/sh -c 'systemctl is-active mini-hello; systemctl stop mini-hello; journalctl -u mini-hello -o cat'
ExecStart=systemctl show -p Result -p ActiveState mini-hello
ExecStopPost=systemctl exit
END
printf '[Unit]\\nRequires=probe.service\\nAfter=probe.service\\n' >/etc/systemd/system/try.target
export container=mini
exec /lib/systemd/systemd --unit=try.target --show-status=0 >/dev/null 2>&1",
    );
    for line in ["active", "hello from mini", "bye", "Result=success", "ActiveState=inactive"] {
        if !said.lines().any(|said| said == line) {
            return Err(format!("{line:?} is not in:\n{said}"));
        }
    }
    Ok(())
}

pub fn openrc(stage: &Stage) -> Result<(), String> {
    expect(
        &in_debian(
            stage,
            // What OpenRC finds on a machine that it has booted.
            "for kind in daemons exclusive failed hotplugged inactive options scheduled started starting stopping \
tmp wasinactive; do
    mkdir -p /run/openrc/$kind
done
echo default >/run/openrc/softlevel
cp /examples/openrc/mini-hello /etc/init.d/
{
    rc-service mini-hello start
    sleep 0.5
    rc-service mini-hello status
    rc-service mini-hello stop
} >/dev/null 2>&1
rc-service mini-hello status >/dev/null 2>&1
echo \"status $?\" >/out/said
cat /var/log/mini-hello.log >>/out/said",
        ),
        "status 3\nhello from mini\nbye\n",
    )
}

pub fn s6(stage: &Stage) -> Result<(), String> {
    expect(
        &in_debian(
            stage,
            "cp -r /examples/s6 /tmp/s6
s6-svscan /tmp/s6 >>/out/said 2>&1 &
until s6-svok /tmp/s6/hello; do sleep 0.05; done
s6-svwait -t 20000 -U /tmp/s6/hello && echo ready >>/out/said
sleep 0.5
s6-svc -wd -T 20000 -d /tmp/s6/hello
s6-svstat -o exitcode /tmp/s6/hello >>/out/said
s6-svscanctl -t /tmp/s6
wait",
        ),
        "hello from mini\nready\nbye\n0\n",
    )
}

/// The package brings the program, its man pages and its completions, and takes them away again.
pub fn deb(stage: &Stage) -> Result<(), String> {
    let directory = stage.directory(Who::Root);
    let output = Command::new(stage.top.join("packaging/deb"))
        .args([stage.mini(), directory.clone()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let package = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end());
    fs::rename(package, directory.join("package.deb")).unwrap();
    let said = run_in_debian(
        stage,
        &directory,
        "listing() { find / -xdev -name '*mini*' -o -xdev -path '*mini-container*' | grep -v -e '^/examples' -e dpkg | sort; }
listing >/before
dpkg -i /out/package.deb >/log 2>&1 || cat /log
mini --version | head -n 1
mini run -- sh -c 'echo installed $$'
ls /usr/share/man/man1/mini*.1.gz /usr/share/bash-completion/completions/mini /usr/share/zsh/vendor-completions/_mini \
/usr/share/fish/vendor_completions.d/mini.fish
dpkg -V mini-container && echo intact
dpkg -r mini-container >/log 2>&1 || cat /log
hash -r
command -v mini || echo removed
listing | diff /before -",
    );
    let version = concat!("mini version ", env!("CARGO_PKG_VERSION"));
    let mut wanted = format!(
        "{version}\ninstalled 1\n/usr/share/bash-completion/completions/mini\n/usr/share/fish/vendor_completions.d/mini.fish\n"
    );
    for entry in fs::read_dir(stage.top.join("man")).unwrap().flatten() {
        wanted
            .push_str(&format!("/usr/share/man/man1/{}.gz\n", entry.file_name().to_str().unwrap()));
    }
    wanted.push_str("/usr/share/zsh/vendor-completions/_mini\nintact\nremoved\n");
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(String::from).collect();
        lines.sort();
        lines
    };
    let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    if sorted(&said) == sorted(&wanted) {
        Ok(())
    } else {
        Err(format!("{said}\ninstead of\n{wanted}"))
    }
}

fn expect(said: &str, wanted: &str) -> Result<(), String> {
    if said == wanted { Ok(()) } else { Err(format!("{said}\ninstead of\n{wanted}")) }
}

/// What a script leaves in /out/said.
fn in_debian(stage: &Stage, script: &str) -> String {
    let directory = stage.directory(Who::Root);
    let output = run_in_debian(stage, &directory, script);
    fs::read_to_string(directory.join("said")).unwrap_or_else(|_| format!("{output:?}"))
}

/// Runs a script in a container that has mini, the examples and a root for them, and a layer that is dropped.
fn run_in_debian(stage: &Stage, directory: &Path, script: &str) -> Output {
    let root = directory.join("hello");
    fs::create_dir_all(root.join("bin")).unwrap();
    let busybox = crate::stage::on_path("busybox").expect("busybox");
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    let install =
        Command::new(root.join("bin/busybox")).arg("--install").arg(root.join("bin")).status();
    assert!(install.unwrap().success());
    fs::copy(stage.top.join("examples/hello.sh"), root.join("hello.sh")).unwrap();
    fs::write(directory.join("script"), script).unwrap();
    let debian = variable("MINI_TEST_DEBIAN").unwrap();
    let volume = |from: &Path, to: &str| format!("--volume={}:{to}", from.display());
    let mut command = Command::new(stage.mini());
    command.args(["run", "--privileged", "--timeout=90s", "--stop-timeout=1s", "--tmpfs=/run"]);
    command.arg(format!("--rootfs={}:O", debian.display()));
    command.arg(volume(directory, "/out"));
    command.arg(volume(&root, "/srv/hello:ro"));
    command.arg(volume(&stage.top.join("examples"), "/examples:ro"));
    if !directory.join("package.deb").exists() {
        command.arg(volume(&stage.mini(), "/usr/bin/mini:ro"));
    }
    command.args(["--", "/bin/sh", "/out/script"]).stdin(Stdio::null()).output().unwrap()
}
