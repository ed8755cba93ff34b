//! Questions with something wrong in them: of 500 damaged ones none passes that is not still the permitted request.

use super::{HOST, IDENTITY, protecting};
use crate::harness::{Server, raw, scope};

/// A stream of numbers that is the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("small")
    }

    fn byte(&mut self) -> u8 {
        let special = b"/.%;?#\\:,_ \t&=@0aA\x00\x7f\xff2fe5c";
        match self.below(2) {
            0 => special[self.below(special.len())],
            _ => u8::try_from(self.below(256)).expect("a byte"),
        }
    }
}

/// The parts of a question that may be damaged: names of headers and their values.
type Lines = Vec<(Vec<u8>, Vec<u8>)>;

fn line(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

fn question(kind: usize, token: &str) -> (&'static str, Lines) {
    let bearer = line("Authorization", &format!("Bearer {token}"));
    match kind {
        0 => (
            "/forward-auth/nginx",
            vec![
                line("X-Original-URL", &format!("https://{HOST}/api/forms?page=2")),
                line("X-Original-Method", "GET"),
                bearer,
            ],
        ),
        kind => (
            if kind == 1 { "/forward-auth/traefik" } else { "/forward-auth/caddy" },
            vec![
                line("X-Forwarded-Uri", "/api/forms?page=2"),
                line("X-Forwarded-Method", "GET"),
                line("X-Forwarded-Host", HOST),
                line("X-Forwarded-Proto", "https"),
                bearer,
            ],
        ),
    }
}

/// Puts, takes or changes some bytes of a value, or doubles a line under another spelling.
fn damage(lines: &mut Lines, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(lines.len());
        let value = &mut lines[at].1;
        let place = numbers.below(value.len() + 1);
        match numbers.below(8) {
            0..=3 => value.insert(place, numbers.byte()),
            4 | 5 if place < value.len() => value[place] = numbers.byte(),
            6 if place < value.len() => drop(value.remove(place)),
            _ => {
                let (mut name, value) = lines[at].clone();
                if numbers.below(2) == 0 {
                    name.iter_mut().filter(|byte| **byte == b'-').for_each(|byte| *byte = b'_');
                }
                lines.push((name, value));
            }
        }
    }
    // Bytes that would begin another line are no damage but another request.
    for (_, value) in lines.iter_mut() {
        value.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    }
}

/// Whether the question, read as strictly as can be, is still about a permitted request.
fn still_permitted(lines: &Lines, token: &str) -> bool {
    let trimmed = |value: &[u8]| {
        let text = String::from_utf8_lossy(value).into_owned();
        text.trim_matches([' ', '\t']).to_owned()
    };
    let mut names: Vec<Vec<u8>> = lines.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    if names.windows(2).any(|pair| pair[0] == pair[1]) || names.iter().any(|name| name.contains(&b'_')) {
        return false;
    }
    let value = |name: &str| {
        let found = lines.iter().find(|(n, _)| n == name.as_bytes());
        found.map(|(_, value)| trimmed(value)).unwrap_or_default()
    };
    let (url, method) = (value("X-Original-URL"), value("X-Original-Method") + &value("X-Forwarded-Method"));
    let (scheme, host, target) = match url.split_once("://") {
        Some((scheme, rest)) => {
            let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            (scheme.to_owned(), rest[..at].to_owned(), rest[at..].to_owned())
        }
        None => (value("X-Forwarded-Proto"), value("X-Forwarded-Host"), value("X-Forwarded-Uri")),
    };
    let host = host.to_ascii_lowercase();
    let port = if scheme == "https" || scheme == "wss" { ":443" } else { ":80" };
    let host = host.strip_suffix(port).unwrap_or(&host);
    matches!(method.as_str(), "GET" | "HEAD")
        && host.strip_suffix('.').unwrap_or(host) == HOST
        && target.split('?').next() == Some("/api/forms")
        && value("Authorization").split_once(' ').is_some_and(|(_, rest)| rest == token)
}

/// CVE-2021-32637, CVE-2026-34457 and their kin, Z1, Z2, Z3, Z6: with a live token that may do exactly one thing, 500
/// damaged questions give a 2xx only where the damage changed nothing that counts, and never a 500.
#[test]
fn z01_z06_damaged_questions() {
    let server = Server::start(protecting());
    let token = server.machine_token(&server.jwt_client(&[scope::FIND]), "");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut passed, mut refused) = (0, 0);
    for round in 0..500 {
        let (path, mut lines) = question(round % 3, &token);
        if round >= 3 {
            damage(&mut lines, &mut numbers);
        }
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n").into_bytes();
        for (name, value) in &lines {
            request.extend([name, &b": "[..], value, b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        let answer = raw::exchange(&server, &request);
        let status = raw::status(&answer);
        let shown = String::from_utf8_lossy(&request);
        if (200..300).contains(&status) {
            assert!(still_permitted(&lines, &token), "{round}: passed: {shown}");
            passed += 1;
            continue;
        }
        assert!(matches!(status, 0 | 400 | 401 | 403), "{round}: {status}: {shown}");
        let lower = answer.to_ascii_lowercase();
        assert!(IDENTITY.iter().all(|name| !lower.contains(&format!("{name}:"))), "{round}: {answer}");
        refused += 1;
    }
    assert!(passed >= 3 && refused >= 300, "{passed} passed, {refused} were refused");
    assert!(server.lives());
}

/// Z1, Z3: 500 targets of random bytes behind Envoy's prefix, where the target is the request's own.
#[test]
fn z01_z03_random_targets() {
    let server = Server::start(protecting());
    let token = server.machine_token(&server.jwt_client(&[scope::FIND]), "");
    let mut numbers = Numbers(0x0123_4567_89ab_cdef);
    for round in 0..500 {
        let mut target = b"/api/forms".to_vec();
        for _ in 0..=numbers.below(4) {
            let (place, byte) = (numbers.below(target.len() + 1), numbers.byte());
            target.insert(place, byte);
        }
        target.retain(|byte| !matches!(byte, b'\r' | b'\n' | b' '));
        let mut request = b"GET /forward-auth/envoy".to_vec();
        request.extend(&target);
        request.extend(
            format!(
                " HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
            )
            .bytes(),
        );
        let answer = raw::exchange(&server, &request);
        let status = raw::status(&answer);
        let shown = String::from_utf8_lossy(&target);
        if (200..300).contains(&status) {
            assert!(shown.split('?').next() == Some("/api/forms"), "{round}: passed: {shown}");
        } else {
            assert!(matches!(status, 0 | 400 | 401 | 403 | 404), "{round}: {status}: {shown}");
        }
    }
    assert!(server.lives());
}
