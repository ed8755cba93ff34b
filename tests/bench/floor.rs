//! The floor: what the web framework by itself can carry, as a child process of the benchmark.

use poem::listener::TcpListener;
use poem::{Route, Server, get, handler};

#[handler]
fn hello() -> &'static str {
    "hello"
}

/// Serves `GET /` until it is killed.
pub fn serve(address: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime
        .block_on(Server::new(TcpListener::bind(address.to_owned())).run(Route::new().at("/", get(hello))))
        .expect("the floor serves");
}
