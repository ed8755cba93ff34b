//! The table, and the targets with what became of them.

/// Everything that was measured in one run.
#[derive(Default)]
pub struct Report {
    rows: Vec<[String; 5]>,
    targets: Vec<Target>,
}

struct Target {
    what: String,
    wanted: String,
    got: String,
    hit: bool,
}

impl Report {
    /// A line of the table.
    pub fn row(&mut self, what: &str, outcome: &crate::load::Outcome) {
        self.rows.push([
            what.to_owned(),
            format!("{:.0}", outcome.per_second()),
            format!("{:.0}", outcome.per_cpu_second()),
            format!("{:.2}", outcome.percentile(99.0)),
            outcome.failed.to_string(),
        ]);
    }

    /// A line with only a figure.
    pub fn figure(&mut self, what: &str, value: &str) {
        self.rows.push([what.to_owned(), String::new(), value.to_owned(), String::new(), String::new()]);
    }

    /// A target that a value must reach.
    pub fn at_least(&mut self, what: &str, value: Option<f64>, wanted: f64) {
        self.target(what, value, wanted, "≥", |value, wanted| value >= wanted);
    }

    /// A target that a value must not exceed.
    pub fn at_most(&mut self, what: &str, value: Option<f64>, wanted: f64) {
        self.target(what, value, wanted, "≤", |value, wanted| value <= wanted);
    }

    fn target(
        &mut self,
        what: &str,
        value: Option<f64>,
        wanted: f64,
        sign: &str,
        holds: fn(f64, f64) -> bool,
    ) {
        let Some(value) = value else { return };
        self.targets.push(Target {
            what: what.to_owned(),
            wanted: format!("{sign} {wanted}"),
            got: format!("{value:.3}"),
            hit: holds(value, wanted),
        });
    }

    /// Prints the run as two Markdown tables, ready for the README.
    pub fn print(&self) {
        println!("\n| measured | requests/s | per CPU-second | p99 ms | failed |\n|---|---:|---:|---:|---:|");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
        println!("\n| target | wanted | measured | |\n|---|---:|---:|---|");
        for target in &self.targets {
            let verdict = if target.hit { "hit" } else { "MISSED" };
            println!("| {} | {} | {} | {verdict} |", target.what, target.wanted, target.got);
        }
    }
}
