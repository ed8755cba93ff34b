//! Why something was allowed or refused: the decision log, explanations, and decisions put again.

mod log;
