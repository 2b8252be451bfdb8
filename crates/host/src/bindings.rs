//! Rust types and traits of the interfaces under `wit/`, generated.

wasmtime::component::bindgen!({
    path: "wit",
    world: "host:runtime/imports",
    imports: { default: async | trappable },
    with: {
        "spin:sqlite/sqlite.connection": crate::sqlite::Connection,
        "spin:key-value/key-value.store": crate::key_value::Store,
    },
    trappable_error_type: {
        "spin:sqlite/sqlite.error" => crate::sqlite::Error,
        "spin:key-value/key-value.error" => crate::key_value::Error,
        "spin:variables/variables.error" => crate::variables::Error,
    },
});

pub use self::spin::key_value::key_value;
pub use self::spin::sqlite::sqlite;
pub use self::spin::variables::variables;
