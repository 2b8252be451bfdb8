//! RL1: servers that come and go in a thousand worlds, each made from its seed alone. The registry
//! is played with a clock of its own: it claims what is due at each tick, now and then not at all.

use fleet::{
    CHECK_LONGEST_MS, CHECK_MS, Check, Health, Outcome, REMOVE_MS, RISE, Removal, ServerState,
    Verdict, heartbeat, judge, registered, removal,
};

const SEEDS: u64 = 1_000;

fn seeds() -> u64 {
    let said = std::env::var("SEEDS")
        .ok()
        .and_then(|said| said.parse().ok());
    said.unwrap_or(SEEDS)
}
const TICK_MS: i64 = 5_000;
const WORLD_MS: i64 = 3_600_000;

/// SplitMix64: small, and the same on every machine.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Uniform in 0..1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct Server {
    health: Health,
    seen: bool,
    /// Answers until then, and is silent until the one after.
    silent_from_ms: i64,
    silent_until_ms: i64,
    /// Sends heartbeats of its own, too.
    beats: bool,
    is_registered: bool,
    last_check_at_ms: i64,
    last_answer_at_ms: i64,
    checks: u64,
}

impl Server {
    fn answers(&self, now_ms: i64) -> bool {
        !(self.silent_from_ms..self.silent_until_ms).contains(&now_ms)
    }
}

struct World {
    seed: u64,
    rng: Rng,
    servers: Vec<Server>,
    now_ms: i64,
    /// Time that passed since the tick before.
    late_ms: i64,
    removed: u64,
    suspended_ticks: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let many = 1 + rng.below(20);
        let servers = (0..many).map(|_| Server {
            health: registered(ServerState::Offline, 0),
            seen: false,
            silent_from_ms: 0,
            silent_until_ms: 0,
            beats: rng.below(4) == 0,
            is_registered: true,
            last_check_at_ms: 0,
            last_answer_at_ms: 0,
            checks: 0,
        });
        let servers = servers.collect();
        Self {
            seed,
            servers,
            rng,
            now_ms: 0,
            late_ms: TICK_MS,
            removed: 0,
            suspended_ticks: 0,
        }
    }

    fn play(&mut self) {
        while self.now_ms < WORLD_MS {
            self.fate();
            self.tick();
            // One tick of eight is missed.
            self.late_ms = if self.rng.below(8) == 0 {
                2 * TICK_MS
            } else {
                TICK_MS
            };
            self.now_ms += self.late_ms;
        }
    }

    /// Single servers fall silent, sometimes a network does, and who was removed registers again.
    fn fate(&mut self) {
        let network_fails = self.rng.below(120) == 0;
        let outage_ms = 20_000 + self.rng.below(600_000) as i64;
        for server in &mut self.servers {
            let falls_silent = self.rng.below(150) == 0;
            if server.answers(self.now_ms)
                && (falls_silent || (network_fails && self.rng.below(4) > 0))
            {
                let alone_ms = 1_000 + self.rng.below(400_000) as i64;
                server.silent_from_ms = self.now_ms;
                server.silent_until_ms =
                    self.now_ms + if network_fails { outage_ms } else { alone_ms };
            }
            if !server.is_registered && server.answers(self.now_ms) {
                server.is_registered = true;
                server.seen = false;
                server.health = registered(ServerState::Offline, self.now_ms);
            }
            if server.is_registered && server.beats && server.answers(self.now_ms) {
                server.health = heartbeat(server.health, self.now_ms, self.rng.share());
                server.seen = true;
                server.last_answer_at_ms = self.now_ms;
                server.last_check_at_ms = self.now_ms;
            }
        }
    }

    fn look(&self) -> (i64, i64) {
        let seen = |server: &&Server| server.is_registered && server.seen;
        let gone = |server: &&Server| seen(server) && server.health.state == ServerState::Offline;
        (
            self.servers.iter().filter(seen).count() as i64,
            self.servers.iter().filter(gone).count() as i64,
        )
    }

    fn tick(&mut self) {
        let (seen, gone) = self.look();
        let removal = removal(seen, gone);
        self.suspended_ticks += u64::from(removal == Removal::Suspended);
        for at in 0..self.servers.len() {
            let server = &self.servers[at];
            if server.is_registered && server.health.next_check_at_ms <= self.now_ms {
                self.check(at, removal, (seen, gone));
            }
        }
    }

    fn check(&mut self, at: usize, removal: Removal, looked: (i64, i64)) {
        let (seed, now_ms, jitter) = (self.seed, self.now_ms, self.rng.share());
        let server = &mut self.servers[at];
        // Nobody waits longer than the longest pause, and the tick that it just missed.
        let pause_ms = now_ms - server.last_check_at_ms;
        assert!(
            !server.seen || pause_ms <= CHECK_LONGEST_MS + self.late_ms,
            "seed {seed}: {at} was not checked for {pause_ms} ms"
        );
        let before = server.health;
        let outcome = match server.answers(now_ms) {
            true => Outcome::Well,
            false => Outcome::Unwell,
        };
        server.checks += 1;
        server.last_check_at_ms = now_ms;
        if outcome == Outcome::Well {
            server.seen = true;
            server.last_answer_at_ms = now_ms;
        }
        match judge(before, Check::Routine, outcome, removal, now_ms, jitter) {
            Verdict::Keep(health) => {
                let next_ms = health.next_check_at_ms - now_ms;
                assert!(
                    (1..=CHECK_LONGEST_MS).contains(&next_ms),
                    "seed {seed}: {next_ms} ms"
                );
                let doubtful = health.state == ServerState::Online && outcome == Outcome::Unwell;
                assert!(
                    !doubtful || next_ms < CHECK_MS / 2,
                    "seed {seed}: {next_ms} ms"
                );
                let risen =
                    before.state == ServerState::Offline && health.state == ServerState::Online;
                assert!(
                    !risen || health.rises >= RISE,
                    "seed {seed}: {at} rose too early"
                );
                server.health = health;
            }
            Verdict::Remove => {
                assert_eq!(
                    removal,
                    Removal::Allowed,
                    "seed {seed}: {at} removed in self-preservation"
                );
                assert_eq!(
                    before.state,
                    ServerState::Offline,
                    "seed {seed}: {at} removed"
                );
                assert_eq!(
                    outcome,
                    Outcome::Unwell,
                    "seed {seed}: {at} removed as it answered"
                );
                let silent_ms = now_ms - server.last_answer_at_ms;
                assert!(
                    !server.seen || silent_ms >= REMOVE_MS,
                    "seed {seed}: {at} removed after {silent_ms} ms"
                );
                let (seen, gone) = looked;
                assert!(
                    gone < 2 || gone * 10 <= seen * 3,
                    "seed {seed}: {at} removed while {gone} of {seen} were gone"
                );
                server.is_registered = false;
                self.removed += 1;
            }
        }
    }
}

#[test]
fn rl1_flapping_servers_are_followed_and_never_removed_too_early() {
    let (mut removed, mut suspended, mut checks) = (0, 0, 0);
    let seeds = seeds();
    for seed in 0..seeds {
        let mut world = World::new(seed);
        world.play();
        removed += world.removed;
        suspended += world.suspended_ticks;
        checks += world
            .servers
            .iter()
            .map(|server| server.checks)
            .sum::<u64>();
    }
    println!(
        "{seeds} seeds: {checks} checks, {removed} removed, {suspended} ticks without removals"
    );
    // Otherwise the worlds are too kind to show anything.
    assert!(
        removed > seeds && suspended > seeds,
        "{removed} {suspended}"
    );
}

/// Checks of one server that always answers, in an hour after the first ten minutes.
fn checks_when_stable(seed: u64, next: impl Fn(Health, i64, f64) -> Health) -> u64 {
    let mut rng = Rng(seed);
    let mut health = registered(ServerState::Offline, 0);
    let (mut now_ms, mut checks) = (0, 0);
    while now_ms < 4_200_000 {
        if health.next_check_at_ms <= now_ms {
            health = next(health, now_ms, rng.share());
            checks += u64::from(now_ms >= 600_000);
        }
        now_ms += TICK_MS;
    }
    checks
}

#[test]
fn rg2_a_stable_server_is_checked_half_to_seventy_percent_less_often() {
    let plain = |_, now_ms, jitter: f64| Health {
        next_check_at_ms: now_ms + (CHECK_MS as f64 * (0.9 + 0.2 * jitter)) as i64,
        ..registered(ServerState::Online, 0)
    };
    let (mut adaptive, mut steady) = (0, 0);
    let seeds = seeds();
    for seed in 0..seeds {
        adaptive += checks_when_stable(seed, heartbeat);
        steady += checks_when_stable(seed, plain);
    }
    let saved = 100.0 * (1.0 - adaptive as f64 / steady as f64);
    println!("{adaptive} checks instead of {steady}: {saved:.1} % fewer");
    assert!((50.0..=70.0).contains(&saved), "{saved:.1} %");
}
