//! Why something was allowed or refused: the decision log, explanations, and decisions put again.

mod explain;
mod log;
mod replay;
