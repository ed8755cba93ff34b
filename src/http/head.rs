//! A second look at the bytes of an HTTP/1 head, for what the parser repairs in silence.
//!
//! Two readers of one request must not disagree on where it ends (RFC 9112 §6.3, §11.2; attack row A13), but
//! the parser drops a `Content-Length` beside `Transfer-Encoding`, merges equal ones, and takes a lone LF for
//! a line's end. Heads that were pipelined behind another request are not seen here; for those the parser's
//! own rule holds, which closes the connection.

/// Longest name that matters: `transfer-encoding`.
const NAME: usize = 17;

/// The state between two bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadScan {
    name: [u8; NAME],
    /// Bytes of the line so far.
    length: usize,
    /// The line's name has ended, or this is the request line.
    past_name: bool,
    after_cr: bool,
    lines: usize,
    lengths: usize,
    codings: usize,
    lone_lf: bool,
    done: bool,
}

impl HeadScan {
    /// At the start of a head.
    pub(super) fn new() -> Self {
        Self { past_name: true, ..Self::default() }
    }

    /// Takes the next bytes; those behind the head's end are ignored.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let [byte, after @ ..] = rest {
            if self.done {
                return;
            }
            rest = match byte {
                b'\n' => {
                    self.end_line();
                    after
                }
                _ if self.past_name => self.skip_to_the_end(rest),
                b'\r' => {
                    self.after_cr = true;
                    after
                }
                byte => {
                    self.in_line(*byte);
                    after
                }
            };
        }
    }

    /// Behind a line's name only its end matters: most bytes of a head, a token among them, are passed over here.
    fn skip_to_the_end<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (line, after) = bytes.split_at(end);
        self.length += usize::from(line.iter().any(|byte| *byte != b'\r'));
        self.after_cr = line.last() == Some(&b'\r');
        after
    }

    /// Whether another reader could see another request.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.lone_lf || self.lengths + self.codings > 1
    }

    fn end_line(&mut self) {
        self.lone_lf |= !self.after_cr;
        self.after_cr = false;
        if self.length == 0 {
            // Empty lines before the request line are skipped (RFC 9112 §2.2).
            self.done = self.lines > 0;
            return;
        }
        self.lines += 1;
        self.length = 0;
        self.past_name = false;
    }

    fn in_line(&mut self, byte: u8) {
        self.after_cr = false;
        if byte == b':' {
            self.past_name = true;
            match self.name.get(..self.length) {
                Some(b"content-length") => self.lengths += 1,
                Some(b"transfer-encoding") => self.codings += 1,
                _ => {}
            }
        } else if let Some(slot) = self.name.get_mut(self.length) {
            *slot = byte.to_ascii_lowercase();
        }
        self.length += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ambiguous(head: &str) -> bool {
        let mut whole = HeadScan::new();
        whole.feed(head.as_bytes());
        let mut dripped = HeadScan::new();
        head.as_bytes().iter().for_each(|byte| dripped.feed(&[*byte]));
        assert_eq!(whole.is_ambiguous(), dripped.is_ambiguous());
        whole.is_ambiguous()
    }

    #[test]
    fn a13_what_two_readers_could_read_differently() {
        for bad in [
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nX: y\r\ncontent-length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n",
        ] {
            assert!(ambiguous(bad), "{bad}");
        }
        for good in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nPOST /content-length: HTTP/1.1\r\nContent-Length: 3\r\nX-Content-Length: 4\r\n\r\n\n\ncontent-length: 1\r\n",
            "POST / HTTP/1.1\r\nX: content-length: 1\r\ncontent-length: 1\r\n\r\n",
        ] {
            assert!(!ambiguous(good), "{good}");
        }
    }
}
