//! Generated from `wit/`: the exported cron world and the imported variables.

wit_bindgen::generate!({
    world: "scheduler",
    path: "wit",
    generate_all,
});
