//! The scheduler component: calls the tick route every five seconds. WASI 0.2 only.
