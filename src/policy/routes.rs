//! From a request to the action that it performs: the routes of the catalog as a tree, so that the cost does
//! not grow with their number.
//!
//! A route that is more exact wins over one that is less: a literal segment over a `:parameter`, a parameter
//! over a final `*`. Where neither of two routes that one request can match is the more exact, the catalog is
//! refused. `HEAD` without a route of its own is the route of `GET`: it is answered as `GET` without the
//! content (RFC 9110 §9.3.2), so it needs the same permission, and is never a way around it (attack row Z11).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::oauth::request_path::RequestPath;
use crate::oauth::scope::Scope;

/// Methods that a route may have.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A request that performs an action: a method, a path with `:parameters`, and the hosts that it is served on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// In upper case.
    pub method: String,
    /// Begins with a slash.
    pub path: String,
    /// In lower case, with the port where it is not the default one; none = every host.
    pub hosts: BTreeSet<String>,
}

/// The routes of a catalog.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    methods: BTreeMap<String, Node>,
    owners: Vec<Owner>,
}

/// The action that a request performs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The action.
    pub action: &'a Scope,
    /// Whether it needs no token.
    pub public: bool,
    /// The route as it is written, such as `GET /api/forms/:id`.
    pub route: &'a Route,
    /// The parameters of the path, decoded.
    pub params: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct Owner {
    action: Scope,
    public: bool,
    route: Route,
}

/// One segment deep. What ends here is a list only where hosts tell the routes apart.
#[derive(Clone, Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    ends: Vec<usize>,
    rest: Vec<usize>,
}

impl Route {
    /// Reads `METHOD /path/:parameter`; the last segment may be `*`, which stands for one or more.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str, hosts: &BTreeSet<String>) -> Result<Self, String> {
        let shape = "a route is written as GET /api/forms/:id";
        let (method, path) = text.split_once(' ').ok_or(shape)?;
        if !METHODS.contains(&method) {
            let method = super::catalog::shown(method);
            return Err(format!("unknown method {method}, known: {}", METHODS.join(" ")));
        }
        let fits = |segment: &str| {
            let name = segment.strip_prefix(':').unwrap_or(segment);
            !name.is_empty()
                && !matches!(name, "." | "..")
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
        };
        let segments = path.strip_prefix('/').ok_or(shape)?;
        let named = segments.strip_suffix("/*").or(segments.strip_suffix('*').filter(|rest| rest.is_empty()));
        let named = named.unwrap_or(segments);
        if !named.is_empty() && !named.split('/').all(fits) {
            return Err(format!("{shape}; segments have A-Z a-z 0-9 - _ . ~ only, the last one may be *"));
        }
        let mut parameters: Vec<&str> = named.split('/').filter_map(|s| s.strip_prefix(':')).collect();
        parameters.sort_unstable();
        if parameters.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("a parameter's name stands twice in the route".to_owned());
        }
        Ok(Self { method: method.to_owned(), path: path.to_owned(), hosts: hosts.clone() })
    }

    fn segments(&self) -> impl Iterator<Item = &str> + Clone {
        self.path.split('/').filter(|segment| !segment.is_empty())
    }

    fn shares_a_host(&self, other: &Self) -> bool {
        self.hosts.is_empty() || other.hosts.is_empty() || !self.hosts.is_disjoint(&other.hosts)
    }

    fn is_on(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.contains(host)
    }

    /// The parameters' values. A `*` has none.
    fn params(&self, path: &RequestPath<'_>) -> Vec<(String, String)> {
        let pairs = self.segments().zip(path.segments());
        pairs
            .filter_map(|(segment, value)| {
                Some((segment.strip_prefix(':')?.to_owned(), value.clone().into_owned()))
            })
            .collect()
    }
}

impl Routes {
    /// Adds a route of an action.
    ///
    /// # Errors
    /// Which route of the catalog some request would match as well, with neither the more exact.
    pub fn add(&mut self, route: Route, action: &Scope, public: bool) -> Result<(), String> {
        if let Some(owner) = self.rival(&route) {
            let other = &owner.route;
            let written = format!("{} {}", route.method, route.path);
            return Err(match same_pattern(&route, other) {
                true => format!("{written} belongs to {} already", owner.action),
                false => format!(
                    "{written} is ambiguous: some requests are {} {} of {} as well, and neither is the more exact",
                    other.method, other.path, owner.action
                ),
            });
        }
        let number = self.owners.len();
        let mut node = self.methods.entry(route.method.clone()).or_default();
        let mut is_rest = false;
        for segment in route.segments() {
            node = match segment {
                "*" => {
                    is_rest = true;
                    break;
                }
                _ if segment.starts_with(':') => &mut **node.parameter.get_or_insert_default(),
                _ => node.literals.entry(segment.to_owned()).or_default(),
            };
        }
        if is_rest {
            node.rest.push(number)
        } else {
            node.ends.push(number)
        }
        self.owners.push(Owner { action: action.clone(), public, route });
        Ok(())
    }

    /// The action of a request: a method in upper case, a host in lower case without a default port.
    pub fn find<'a>(&'a self, host: &str, method: &str, path: &RequestPath<'_>) -> Option<Found<'a>> {
        let of = |method: &str| self.walk(self.methods.get(method)?, host, path, 0);
        let owner = of(method).or_else(|| (method == "HEAD").then(|| of("GET")).flatten())?;
        Some(Found {
            action: &owner.action,
            public: owner.public,
            route: &owner.route,
            params: owner.route.params(path),
        })
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    fn walk(&self, node: &Node, host: &str, path: &RequestPath<'_>, depth: usize) -> Option<&Owner> {
        let on_host = |numbers: &[usize]| {
            let mut owners = numbers.iter().filter_map(|number| self.owners.get(*number));
            owners.find(|owner| owner.route.is_on(host))
        };
        let Some(segment) = path.segments().get(depth) else { return on_host(&node.ends) };
        let literal = node.literals.get(&**segment);
        literal
            .and_then(|next| self.walk(next, host, path, depth + 1))
            .or_else(|| node.parameter.as_ref().and_then(|next| self.walk(next, host, path, depth + 1)))
            .or_else(|| on_host(&node.rest))
    }

    /// A route that could be meant by a request that the new one could be meant by, neither the more exact.
    fn rival(&self, route: &Route) -> Option<&Owner> {
        let segments: Vec<&str> = route.segments().collect();
        let mut met = Vec::new();
        overlapping(self.methods.get(&route.method)?, &segments, &mut met);
        let mut owners = met.into_iter().filter_map(|number| self.owners.get(number));
        owners.find(|owner| owner.route.shares_a_host(route) && !ordered(route, &owner.route))
    }
}

/// Every route below the node that some request of these segments matches as well.
fn overlapping(node: &Node, segments: &[&str], met: &mut Vec<usize>) {
    let Some((first, rest)) = segments.split_first() else {
        met.extend(&node.ends);
        return;
    };
    // A `*` here takes whatever follows.
    met.extend(&node.rest);
    if *first == "*" {
        all_below(node, met);
        return;
    }
    if let Some(parameter) = &node.parameter {
        overlapping(parameter, rest, met);
    }
    match first.starts_with(':') {
        true => node.literals.values().for_each(|next| overlapping(next, rest, met)),
        false => node.literals.get(*first).into_iter().for_each(|next| overlapping(next, rest, met)),
    }
}

fn all_below(node: &Node, met: &mut Vec<usize>) {
    for next in node.literals.values().chain(node.parameter.as_deref()) {
        met.extend(next.ends.iter().chain(&next.rest));
        all_below(next, met);
    }
}

/// Whether one of two overlapping routes is the more exact in every segment where they differ.
fn ordered(a: &Route, b: &Route) -> bool {
    let rank = |segment: &str| match segment {
        "*" => 0,
        _ if segment.starts_with(':') => 1,
        _ => 2,
    };
    let (mut a_wins, mut b_wins) = (false, false);
    for (left, right) in a.segments().zip(b.segments()) {
        a_wins |= rank(left) > rank(right);
        b_wins |= rank(right) > rank(left);
        if rank(left) == 0 || rank(right) == 0 {
            break;
        }
    }
    a_wins != b_wins
}

fn same_pattern(a: &Route, b: &Route) -> bool {
    let plain = |segment: &str| if segment.starts_with(':') { ":".to_owned() } else { segment.to_owned() };
    a.method == b.method && a.segments().map(plain).eq(b.segments().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(name: &str) -> Scope {
        Scope::parse(name).unwrap()
    }

    fn routes(texts: &[(&str, &[&str])]) -> Result<Routes, String> {
        let mut routes = Routes::default();
        for (number, (text, hosts)) in texts.iter().enumerate() {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            routes.add(Route::parse(text, &hosts)?, &scope(&format!("api::a.a.r{number}")), false)?;
        }
        Ok(routes)
    }

    fn found(routes: &Routes, host: &str, method: &str, path: &str) -> Option<(String, Vec<String>)> {
        let found = routes.find(host, method, &RequestPath::parse(path)?)?;
        let params = found.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Some((found.action.as_str().trim_start_matches("api::a.a.").to_owned(), params))
    }

    #[test]
    fn routes_are_read_strictly() {
        for good in
            ["GET /", "GET /api/forms", "DELETE /api/forms/:id", "OPTIONS /a/:b/c", "GET /a/*", "GET /*"]
        {
            assert!(Route::parse(good, &BTreeSet::new()).is_ok(), "{good}");
        }
        for bad in [
            "get /x",
            "GET x",
            "GET",
            "GET  /x",
            "GET /x/",
            "GET //x",
            "GET /../x",
            "TRACE /x",
            "GET /a b",
            "GET /x?y",
            "GET /a/*/b",
            "GET /a*",
            "GET /:",
            "GET /:a/:a",
            "GET /a//*",
        ] {
            assert!(Route::parse(bad, &BTreeSet::new()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_more_exact_route_wins() {
        let routes = routes(&[
            ("GET /api/forms", &[]),
            ("GET /api/forms/:id", &[]),
            ("GET /api/forms/new", &[]),
            ("GET /api/:kind/:id/log", &[]),
            ("GET /api/*", &[]),
            ("POST /api/forms", &[]),
            ("HEAD /api/forms/new", &[]),
        ])
        .unwrap();
        let find = |method, path| found(&routes, "a.test", method, path);
        let is = |method, path, name: &str, params: &[&str]| {
            let params = params.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(find(method, path), Some((name.to_owned(), params)), "{method} {path}");
        };
        is("GET", "/api/forms", "r0", &[]);
        is("GET", "/api/forms/7", "r1", &["id=7"]);
        is("GET", "/api/forms/a%20%25b", "r1", &["id=a %b"]);
        is("GET", "/api/forms/new", "r2", &[]);
        is("GET", "/api/forms/new/log", "r3", &["kind=forms", "id=new"]);
        is("GET", "/api/forms/new/other", "r4", &[]);
        is("POST", "/api/forms", "r5", &[]);
        // Z11: HEAD needs what GET needs, or what its own route needs.
        is("HEAD", "/api/forms/7", "r1", &["id=7"]);
        is("HEAD", "/api/forms/new", "r6", &[]);
        for (method, path) in
            [("PUT", "/api/forms"), ("OPTIONS", "/api/forms"), ("GET", "/api"), ("GET", "/")]
        {
            assert_eq!(find(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_host_has_routes_of_its_own() {
        let routes = routes(&[("GET /x", &["a.test"]), ("GET /x", &["b.test"]), ("GET /y", &[])]).unwrap();
        assert_eq!(found(&routes, "a.test", "GET", "/x").unwrap().0, "r0");
        assert_eq!(found(&routes, "b.test", "GET", "/x").unwrap().0, "r1");
        assert_eq!(found(&routes, "c.test", "GET", "/x"), None);
        assert_eq!(found(&routes, "c.test", "GET", "/y").unwrap().0, "r2");
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for (a, b) in [
            ("GET /a/:x/c", "GET /a/b/:y"),
            ("GET /a/:x", "GET /a/:y"),
            ("GET /a/b", "GET /a/b"),
            ("GET /a/*", "GET /a/*"),
            ("GET /:x/b", "GET /a/*"),
            ("GET /a/*", "GET /:x/b"),
        ] {
            assert!(routes(&[(a, &[]), (b, &[])]).is_err(), "{a} {b}");
            assert!(routes(&[(a, &["a.test"]), (b, &[])]).is_err(), "{a} {b}");
            assert!(routes(&[(a, &["a.test"]), (b, &["b.test"])]).is_ok(), "{a} {b}");
        }
        for (a, b) in [("GET /a", "GET /a/*"), ("GET /a/:x", "POST /a/:x"), ("GET /a/:x/c", "GET /a/b/d")] {
            assert!(routes(&[(a, &[]), (b, &[])]).is_ok(), "{a} {b}");
            assert!(routes(&[(b, &[]), (a, &[])]).is_ok(), "{b} {a}");
        }
        let why = routes(&[("GET /a/:x/c", &[]), ("GET /a/b/:y", &[])]).unwrap_err();
        assert!(why.contains("ambiguous") && why.contains("GET /a/:x/c of api::a.a.r0"), "{why}");
    }

    #[test]
    fn the_cost_does_not_grow_with_the_routes() {
        // Steps, not time: a request meets one node a segment where no parameter competes.
        let mut many = Routes::default();
        for number in 0..2_000 {
            for text in
                [format!("GET /k{number}"), format!("GET /k{number}/:id"), format!("PUT /k{number}/:id")]
            {
                let route = Route::parse(&text, &BTreeSet::new()).unwrap();
                many.add(route, &scope(&format!("api::k{number}.k.find")), false).unwrap();
            }
        }
        assert_eq!(many.len(), 6_000);
        let path = RequestPath::parse("/k1999/7").unwrap();
        assert_eq!(many.find("a", "GET", &path).unwrap().action.as_str(), "api::k1999.k.find");
        assert!(many.methods["GET"].literals.len() == 2_000 && many.methods.len() == 2);
    }
}
