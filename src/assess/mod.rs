//! Rules: from evidence and a disclosure to verdicts, facets and states. Pure.
