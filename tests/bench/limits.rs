//! What the machine allows one token: a raw signature, and a durable row.

use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};

use crate::report::Report;
use crate::setup::SERVER_KEY;

/// Work that was done, and the processor seconds that it took.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    count: f64,
    cpu: f64,
}

impl Rate {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.cpu += other.cpu;
    }

    fn per_cpu_second(self) -> f64 {
        self.count / self.cpu.max(0.001)
    }
}

/// The bound of a token: a signature and a durable row, measured in parts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bound {
    signatures: Rate,
    rows: Rate,
}

impl Bound {
    /// Measures one more part: RS256 signatures of one core, by the library that the server signs with, key parsed
    /// once. A second thread signs as well, as the load generator is busy beside the server: cores that share a unit are
    /// slower then. And durable rows in group commits of `batch`.
    pub fn measure(&mut self, batch: usize) {
        let signed = std::thread::scope(|threads| {
            threads.spawn(signatures);
            signatures()
        });
        self.signatures.add(signed);
        self.rows.add(durable_rows(batch));
    }

    /// Tokens per processor second at best.
    pub fn per_cpu_second(self) -> f64 {
        1.0 / (1.0 / self.signatures.per_cpu_second() + 1.0 / self.rows.per_cpu_second())
    }

    /// Puts it into the table.
    pub fn tell(self, report: &mut Report) {
        let figure = |value: f64| format!("{value:.0}");
        report.figure("(e) RS256 signatures of one core", &figure(self.signatures.per_cpu_second()));
        let rows = "(e) durable rows, group commits of as many as connections";
        report.figure(rows, &figure(self.rows.per_cpu_second()));
        let bound = "(e) bound of a token: 1 / (1/signatures + 1/rows)";
        report.figure(bound, &figure(self.per_cpu_second()));
    }
}

fn signatures() -> Rate {
    let der = rsa_der(SERVER_KEY);
    let key = aws_lc_rs::signature::RsaKeyPair::from_pkcs8(&der).expect("a fixture key");
    let (random, mut signature) = (aws_lc_rs::rand::SystemRandom::new(), vec![0; key.public_modulus_len()]);
    let message = [7_u8; 700];
    let (begin, mut count) = (thread_cpu(), 0_u32);
    while thread_cpu() - begin < 0.5 {
        key.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, &message, &mut signature).expect("signs");
        count += 1;
    }
    Rate { count: f64::from(count), cpu: thread_cpu() - begin }
}

/// Group commits of `batch` rows with WAL and `synchronous=FULL`.
fn durable_rows(batch: usize) -> Rate {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rows.db");
    let mut connection = SqliteConnection::establish(&path.display().to_string()).expect("a database");
    connection
        .batch_execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             CREATE TABLE rows (jti TEXT PRIMARY KEY NOT NULL, client TEXT, facts TEXT, at INTEGER) STRICT;
             CREATE INDEX rows_client ON rows (client, at); CREATE INDEX rows_at ON rows (at);",
        )
        .expect("a table");
    let facts = "f".repeat(400);
    let (begin, wall, mut count) = (thread_cpu(), Instant::now(), 0_usize);
    while thread_cpu() - begin < 0.3 && wall.elapsed().as_secs() < 20 {
        connection
            .immediate_transaction(|connection| {
                for row in 0..batch {
                    diesel::sql_query("INSERT INTO rows VALUES (?, 'client', ?, ?)")
                        .bind::<diesel::sql_types::Text, _>(format!(
                            "{:032x}",
                            (count + row).wrapping_mul(0x9E37_79B9_7F4A_7C15)
                        ))
                        .bind::<diesel::sql_types::Text, _>(&facts)
                        .bind::<diesel::sql_types::BigInt, _>(i64::try_from(count + row).expect("fits"))
                        .execute(connection)?;
                }
                diesel::QueryResult::Ok(())
            })
            .expect("a commit");
        count += batch;
    }
    Rate { count: count as f64, cpu: thread_cpu() - begin }
}

/// Processor seconds of this thread.
fn thread_cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on Linux and writes into the place that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn rsa_der(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(text).expect("a PEM")
}
