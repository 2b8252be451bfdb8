//! SQL in named files, row mapping, migrations.
