//! End-to-end tests, conformance, simulation, vectors and tidy.
