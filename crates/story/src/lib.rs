//! Stories in (CSV), timelines out (OpenTimelineIO). Pure.
