//! Grantwood: an OAuth 2.0 authorization server whose every grant is decided by Cedar policies in files.
//!
//! # The map
//!
//! The code is a stack of floors. A floor uses only what stands above it in this list, and nothing below it;
//! `tests/suite/architecture.rs` reads the imports and holds them to that, and to this page.
//!
//! | floor | what it is | what is absent from it |
//! |---|---|---|
//! | `oauth/` | The vocabulary: clients, scopes, redirect URIs, PKCE, assertions, secrets, reasons to refuse. A value that exists is valid. | Input and output, time, randomness, every other floor. |
//! | `config/` | Typed settings, each with a default; file, environment and flags, with a memory of where a value came from. | Unknown keys. Secrets in `Debug`. |
//! | `telemetry/` | Log lines, security events with stable names, metrics, logs of lines beside the requests. | A place for a secret: no event has a field that could hold one. Labels that a caller makes up. |
//! | `policy/` | Cedar: documents are compiled, sliced and asked; what was decided is remembered, explained, recorded and asked again. The only floor that names `cedar_policy`. | Names of roles, clients or scopes in Rust. A permit without a decision. The database. |
//! | `keys/` | Signing keys, and the only functions that sign tokens. | A signing function that does not take a `Permit`. Private keys in `Debug`. The database. |
//! | `store/` | Diesel over SQLite and PostgreSQL, each query written once. The only floor that names `diesel`. | Secrets in clear: codes, client secrets, sessions and tokens are hashes here. Single use by memory: a row count proves it. A lost database that looks like "not found". Policies. |
//! | `app/` | What requests share, built once and passed first: settings, store, policies, keys, clock, limits; the jobs beside the requests. | Globals. A request's time or randomness from anywhere but `app/clock.rs`. |
//! | `flow/` | What happens, one file an endpoint, one file a grant, each as the numbered steps of its RFC. | HTTP. Anything signed, changed or passed before the policy was asked. |
//! | `pages/` | Pages: templates (`templates/macros.html` has the components), their view models, style and one script that only enhances. | `poem`, inline scripts and styles, HTML made by joining strings. |
//! | `http/` | Poem: routes on one page, the guard before them, refusals turned into answers. The only floor of the server that names `poem`. | Decisions. An error in plain text: `http/problem.rs` shapes all of them. |
//! | `cli/` | One file a subcommand. Standard output is data, standard error is talk. | Rules of its own: it calls `flow/` and `app/`, and manages clients as an operator whom the policy knows. |
//! | `main.rs` | Starts `cli/`. | Everything else. |
//!
//! | beside the server | what it is | what is absent from it |
//! |---|---|---|
//! | `guard/` | For other programs: poem middleware that lets requests through with a good access token only; its way to an issuer is also that of `cli/` to a server. | Every floor but `oauth`. |
//!
//! `policy/`, `keys/` and `store/` do not know each other, but that `keys/` takes what `policy/` permits. `app/`
//! carries documents and keys between them.
//!
//! # Walkthrough: a token request
//!
//! 1. `http/server.rs` accepts the connection under deadlines, `http/guard.rs` checks size, host and path and
//!    reads the body; `http/routes.rs` finds the endpoint.
//! 2. `http/token.rs` parses the form once, into a `GrantRequest`. A repeated parameter ends here.
//! 3. `flow/grant/mod.rs` picks the grant. Take `flow/grant/authorization_code.rs`: it authenticates the client
//!    (`flow/authenticate.rs`), looks the code up, and compares redirect URI and verifier.
//! 4. `policy/grant.rs` is asked: may this client start this grant, and which scopes come of it? The question
//!    goes to the slice of policies that can matter (`policy/slice.rs`). The answer is a `Permit`
//!    (`policy/permit.rs`), which nobody else can make, or a refusal with the deciding policies.
//! 5. `keys/ring.rs` signs what the permit says. No lock of the database is held meanwhile.
//! 6. `store/codes.rs` redeems the code and keeps the token's row in one transaction. The row count of its guarded
//!    update says whether this was the first use; if not, what the first use produced is revoked.
//! 7. `telemetry/event.rs` writes `token.issued`. A refusal on the way is a `Reject` (`oauth/reject.rs`), a failure
//!    of ours a `Fault`; `http/problem.rs` makes the answer of either.
//!
//! # Walkthrough: a question of a proxy
//!
//! 1. `http/forward_auth/` stands beside the router, behind the guard. `http/forward_auth/original.rs` reads the request that
//!    the proxy holds from exactly that proxy's headers; what could be read in two ways is refused.
//! 2. `flow/forward_auth.rs` checks host, path (`oauth/request_path.rs`) and method, and finds the action by the
//!    catalog's routes (`policy/routes.rs`).
//! 3. `flow/live.rs` looks the token up: from memory (`app/live.rs`) while no counter of the database has moved,
//!    otherwise its row, and what it still carries by the policy of now.
//! 4. `flow/usage.rs` answers from memory, or asks `policy/usage.rs` whether this use is permitted. `policy/reads.rs` says
//!    whether the answer may be remembered: only where no policy that matters reads time, address or request.
//!    AuthZEN (`flow/authzen/decide.rs`) answers by the same memory where no policy reads what a caller states.
//!
//! # Walkthrough: a policy edit
//!
//! 1. Somebody saves `policies/clients/reporting.yaml`. `policy/watch.rs` notices, by notification or by its
//!    comparison twice a second, and waits until the folder is quiet.
//! 2. `app/jobs.rs` calls `policy/engine.rs`, which reads everything (`policy/source/`, be it a folder, a commit or
//!    a bundle; `policy/files.rs`, `policy/load.rs`), compiles
//!    the documents to Cedar (`policy/compile.rs`), reads the rules (`policy/rules.rs`) and validates the whole
//!    against the schema (`policy/validate.rs`).
//! 3. A mistake becomes a `Diagnostic` with file, line, column and hint (`policy/diagnostics.rs`). The last good set
//!    stays in force; `/readyz` and the event `policy.reload_failed` show the mistake.
//! 4. A good set is accepted by `app/jobs.rs` (no client id stands in the database as well; each client of the
//!    folder gets its row) and swapped in once, as an immutable `policy/snapshot.rs`. Requests that began before
//!    end with the set that they took.
//! 5. The next token request and the next introspection of a live token (`flow/live.rs`) ask the new set. What
//!    is remembered about a live token is bound to the revision, and answers to grants (`policy/answers.rs`) go with
//!    the set that gave them, so nothing old is answered.

pub mod app;
pub mod cli;
pub mod config;
pub mod flow;
pub mod guard;
pub mod http;
pub mod keys;
pub mod oauth;
pub mod pages;
pub mod policy;
pub mod store;
pub mod telemetry;
