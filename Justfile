# For convenience: each recipe is one command anyone can type.

# Build the binary.
build:
    cargo build --release

# Run every test.
test:
    cargo test

# What CI runs, from a clean checkout to the last test.
ci:
    bash .ci/run

# Compare the cost of a launch with other tools on this machine (root).
bench:
    cargo bench --bench launch

# Build the binary and the Debian package for every CPU whose tools are here, with checksums.
dist:
    .ci/dist

# Build the Debian package of this machine's CPU into target/deb.
deb: build
    packaging/deb target/release/mini target/deb

# Write man pages and completions, as the option tables say.
generate:
    MINI_TEST_UPDATE=1 cargo test --test docs generated

# Boot KERNEL into an initramfs with mini and run SCRIPT there.
vm KERNEL SCRIPT: build
    tests/vm/boot {{KERNEL}} target/release/mini {{SCRIPT}}

# Try everything on every kernel of a directory, in every kind of machine (half an hour and more).
matrix KERNELS: build
    tests/vm/matrix {{KERNELS}} target/release/mini >docs/matrix.md

# Try mini on kernels of four CPUs (DIST as `just dist` makes it, KERNELS/CPU as .ci/kernels does).
cpus DIST KERNELS:
    tests/vm/cpus {{DIST}} {{KERNELS}} >>docs/matrix.md

# Run every promise with each system call that came after Linux 4.4 taken away in turn (as root, x86_64).
old:
    for call in open_tree move_mount fsopen fsconfig fsmount close_range mount_setattr \
        landlock_create_ruleset clone_newcgroup unshare_newcgroup tiocgptpeer loop_configure clone3; do \
        MINI_TEST_OLD_KERNEL=$call cargo test --test promises || exit 1; done

# Format and lint.
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
