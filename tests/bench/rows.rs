//! Rows by the million, straight into the server's SQLite file while the server is stopped.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};

/// A column of a table, as `PRAGMA table_info` tells it.
#[derive(diesel::QueryableByName)]
struct Column {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

/// Copies one row of a table `count` times, with fresh values where values must differ.
///
/// `fresh` gives the columns to replace and an SQL expression for each; `i` is the number of the copy.
pub fn multiply(database: &Path, table: &str, pattern: &str, fresh: &[(&str, &str)], count: usize) {
    let mut connection = SqliteConnection::establish(&database.display().to_string()).expect("the database");
    let columns: Vec<Column> = diesel::sql_query(format!("SELECT name FROM pragma_table_info('{table}')"))
        .load(&mut connection)
        .expect("columns");
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    for (name, _) in fresh {
        assert!(names.contains(name), "{table} has no column {name}: {names:?}");
    }
    let values: Vec<&str> = names
        .iter()
        .map(|name| {
            fresh.iter().find(|(fresh, _)| fresh == name).map_or(*name, |(_, expression)| *expression)
        })
        .collect();
    let statement = format!(
        "PRAGMA synchronous=OFF; BEGIN IMMEDIATE;
         INSERT INTO {table} ({}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         SELECT {} FROM n CROSS JOIN (SELECT * FROM {table} WHERE {pattern} LIMIT 1);
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE);",
        names.join(", "),
        values.join(", ")
    );
    connection.batch_execute(&statement).unwrap_or_else(|e| panic!("{table}: {e}"));
}
