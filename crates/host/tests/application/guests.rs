//! Builds the components under `tests/guests`, once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where built components are.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
        // The test's own executable is in <target>/<profile>/deps.
        let executable = std::env::current_exe().expect("the test has a path");
        let target = executable
            .ancestors()
            .nth(3)
            .expect("a target directory")
            .join("guests");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--target", "wasm32-wasip2"])
            .current_dir(&workspace)
            .env("CARGO_TARGET_DIR", &target)
            .env_remove("RUSTFLAGS")
            .status()
            .expect("cargo runs");
        assert!(
            status.success(),
            "the guests under {} do not build",
            workspace.display()
        );
        target.join("wasm32-wasip2/debug")
    })
}

/// Compiled forms are shared by all tests, so that only one of them compiles.
pub fn compiled() -> PathBuf {
    directory().join("compiled")
}
