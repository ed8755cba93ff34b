//! Places in long lists: a page goes on where another ended, by an indexed column, however deep it is.

/// Rows that one page looks at; a filter that finds nothing among them says so and can be continued.
/// Tests have fewer, so that they see the end of a window.
pub const WINDOW: i64 = if cfg!(test) { 8 } else { 10_000 };

/// A place between two rows of a list that is ordered by a time and an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The time of the row before it, in milliseconds.
    pub at: i64,
    /// Its identifier; none = after all rows of that time.
    pub id: Option<String>,
}

/// What part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where it begins; none = at the list's own beginning.
    pub from: Option<Position>,
    /// Towards the list's beginning instead of its end.
    pub back: bool,
    /// Most rows.
    pub size: u32,
}

/// A part of a list, in the list's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the part before begins (to be read backwards); none = this is the first.
    pub before: Option<Position>,
    /// Where the part after begins; none = this is the last.
    pub after: Option<Position>,
    /// Whether the window ended before the part was full: more may match further on.
    pub window_ended: bool,
}

/// How many rows match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// So many were found.
    pub found: i64,
    /// And there may be more.
    pub or_more: bool,
}

impl Stretch {
    /// The beginning of a list.
    pub fn first(size: u32) -> Self {
        Self { from: None, back: false, size }
    }

    pub(super) fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }

    /// Makes a part of the rows that a query found: one more than the part has, in the order of the query.
    pub(super) fn part<T>(
        &self,
        mut rows: Vec<T>,
        edge: Option<i64>,
        place: impl Fn(&T) -> Position,
    ) -> Scanned<T> {
        let size = self.size as usize;
        let more = rows.len() > size;
        rows.truncate(size);
        let onward = match (more, rows.last(), edge) {
            (true, Some(last), _) => Some(place(last)),
            (false, _, Some(at)) => Some(Position { at, id: None }),
            _ => None,
        };
        let backward = match rows.first() {
            Some(first) => self.from.is_some().then(|| place(first)),
            None => self.from.clone(),
        };
        let window_ended = !more && edge.is_some();
        if self.back {
            rows.reverse();
            Scanned { rows, before: onward, after: backward, window_ended }
        } else {
            Scanned { rows, before: backward, after: onward, window_ended }
        }
    }
}

/// Restricts a boxed query to what lies beyond a position. `$descending` is the direction in which the query
/// runs, `$back` whether that is against the list's own.
macro_rules! beyond {
    ($query:expr, $from:expr, $descending:expr, $back:expr, $at:expr, $id:expr) => {{
        let query = $query;
        match ($from, $descending) {
            (None, _) => query,
            (Some(Position { at, id: None }), true) => query.filter($at.lt(*at)),
            (Some(Position { at, id: None }), false) => query.filter($at.gt(*at)),
            // The first condition is a range on the index, which the second alone would not be.
            (Some(Position { at, id: Some(id) }), true) if $back => {
                query.filter($at.le(*at)).filter($at.lt(*at).or($id.lt(id)))
            }
            (Some(Position { at, id: Some(id) }), true) => {
                query.filter($at.le(*at)).filter($at.lt(*at).or($id.gt(id)))
            }
            (Some(Position { at, id: Some(id) }), false) if $back => {
                query.filter($at.ge(*at)).filter($at.gt(*at).or($id.lt(id)))
            }
            (Some(Position { at, id: Some(id) }), false) => {
                query.filter($at.ge(*at)).filter($at.gt(*at).or($id.gt(id)))
            }
        }
    }};
}
pub(super) use beyond;

/// Orders a boxed query by time and, among equals, by identifier.
macro_rules! in_order {
    ($query:expr, $descending:expr, $back:expr, $at:expr, $id:expr) => {{
        let query = $query;
        match ($descending, $back) {
            (true, false) => query.order(($at.desc(), $id.asc())),
            (true, true) => query.order(($at.desc(), $id.desc())),
            (false, false) => query.order(($at.asc(), $id.asc())),
            (false, true) => query.order(($at.asc(), $id.desc())),
        }
    }};
}
pub(super) use in_order;

/// The time at which a window ends: of the row after [`WINDOW`] others, counted on the index alone.
macro_rules! edge {
    ($connection:expr, $query:expr, $descending:expr, $at:expr) => {{
        let query = $query.select($at).limit(1).offset(WINDOW);
        let query = if $descending { query.order($at.desc()) } else { query.order($at.asc()) };
        query.get_result::<i64>($connection).optional()?
    }};
}
pub(super) use edge;

/// Restricts a boxed query to the window.
macro_rules! within {
    ($query:expr, $edge:expr, $descending:expr, $at:expr) => {{
        let query = $query;
        match ($edge, $descending) {
            (None, _) => query,
            (Some(edge), true) => query.filter($at.ge(edge)),
            (Some(edge), false) => query.filter($at.le(edge)),
        }
    }};
}
pub(super) use within;
