//! `ratios`: every kind of request, in ratio to servers that decide nothing and to each other.

use std::path::Path;

use clap::ValueEnum;

use crate::{
    checks::{self, Presented},
    compare::{Entrant, Heat, Method},
    floor::Floor,
    generator::{
        Outcome, Pace,
        requests::{Order, Requests, Values},
    },
    process::MIB,
    redis_servers,
    server::{Over, Server},
    site::{LimitedBy, Site, Size},
    table::{Goal, Table, count, count_of},
};

/// How many keys there are where their number is of no matter.
pub(crate) const FEW_KEYS: usize = 1000;
/// From how many addresses the cold counters are asked.
const ADDRESSES: usize = 100_000;

/// What can be told by itself, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// API keys against servers that decide nothing
    Floors,
    /// Tokens, sessions and signatures against keys
    Kinds,
    /// What is refused against what is allowed
    Refusals,
    /// Counting in memory and in Redis
    Limits,
    /// Few and many requests at a time
    InFlight,
    /// Memory, idle and with many keys
    Memory,
}

/// One thing against another.
struct Row {
    subject: usize,
    base: usize,
    /// Of answers a second.
    rate: Goal,
    /// Of CPU for each.
    cpu: Goal,
}

impl Row {
    fn new(subject: usize, base: usize, rate: Goal) -> Self {
        Self { subject, base, rate, cpu: Goal::None }
    }
}

/// All that is measured for `ratios`, with few keys.
pub(crate) struct Ratios<'a> {
    method: &'a Method,
    site: &'a Site,
    floor: Server,
    bytes: Server,
    product: Server,
    /// The product, with counters in Redis.
    shared: Server,
    redis: redis_servers::Server,
}

impl<'a> Ratios<'a> {
    /// Starts all servers.
    pub(crate) fn start(
        method: &'a Method,
        binary: &Path,
        site: &'a Site,
        redis: redis_servers::Server,
    ) -> Self {
        method.progress.tell("starting servers");
        // The machine is busy: Redis, too, may take its time.
        let counters = format!("{{ url: \"redis+unix://{}\", timeout: 1s }}", redis.socket().display());
        let mut servers = [
            Server::floor(Floor::Decoding),
            Server::floor(Floor::Bytes),
            Server::product(binary, site, "memory"),
            Server::product(binary, site, &counters),
        ];
        for server in &mut servers {
            for over in Over::BOTH {
                let mut request = checks::reading(LimitedBy::Nothing, Presented::Bearer(site.keys.firsts(1)));
                let _time = server.first_answer(over, &mut request);
            }
        }
        let [floor, bytes, product, shared] = servers;
        Self { method, site, floor, bytes, product, shared, redis }
    }

    fn keys(&self) -> Requests {
        checks::reading(LimitedBy::Credential, Presented::Bearer(self.site.keys.firsts(FEW_KEYS)))
    }

    fn by_key(&self) -> Entrant<'_> {
        Entrant::new("API key", &self.product, self.keys())
    }

    /// Tells one part. Everything that is allowed or refused is remembered: each request is sent before it counts.
    pub(crate) fn tell_part(&self, part: Part) {
        match part {
            Part::Floors => Over::BOTH.into_iter().for_each(|over| self.against_the_floors(over)),
            Part::Kinds => self.kinds(),
            Part::Refusals => self.refusals(),
            Part::Limits => self.limits(),
            Part::InFlight => Over::BOTH.into_iter().for_each(|over| self.in_flight(over)),
            // That is asked of servers of its own.
            Part::Memory => {}
        }
    }

    fn against_the_floors(&self, over: Over) {
        let raw = || checks::reading_raw(LimitedBy::Credential, self.site.keys.firsts(FEW_KEYS));
        let mut entrants = [
            Entrant::new("floor: decodes, five headers", &self.floor, self.keys()).over(over),
            Entrant::new("floor: bytes, ready answer", &self.bytes, self.keys()).over(over),
            self.by_key().over(over),
            Entrant::new("floor: decodes, raw headers", &self.floor, raw()).over(over),
            Entrant::new("API key, raw headers", &self.product, raw()).over(over),
        ];
        let heat = self.method.heat(&mut entrants, Pace::Closed);
        let rows = [
            Row { subject: 2, base: 0, rate: Goal::AtLeast(1.3), cpu: Goal::AtMost(0.77) },
            Row::new(2, 1, Goal::AtLeast(0.85)),
            Row::new(4, 3, Goal::None),
        ];
        self.tell(&format!("Against the floors, over {}", over.name()), &entrants, &heat, &rows);
        let own = heat.median(0, Outcome::own_cpu_us);
        let bytes = entrants.iter().map(|entrant| count_of(entrant.requests.bytes()));
        let bytes: Vec<String> = bytes.collect();
        println!(
            "Asking takes {own:.1} µs of another core for each; a Check has {} bytes, with raw headers {}.\n",
            bytes[2], bytes[4]
        );
        let rate = heat.median(0, Outcome::rate) / 2.0;
        let heat = self.method.heat(&mut entrants, Pace::Open(rate));
        let title = format!("At {} a second, half of the floor's most, over {}", count(rate), over.name());
        self.tell_latency(&title, &entrants, &heat);
    }

    fn kinds(&self) {
        let site = self.site;
        let allowed = |name, presented| {
            Entrant::new(name, &self.product, checks::reading(LimitedBy::Credential, presented))
        };
        let mut entrants = [
            self.by_key(),
            allowed("token (ES256), remembered", Presented::Bearer(site.tokens.clone())),
            allowed("session", Presented::Session(site.sessions.clone())),
            Entrant::new("signature over 1 KiB", &self.product, checks::signed(site)),
        ];
        let heat = self.method.heat(&mut entrants, Pace::Closed);
        let rows = [0.9, 0.9, 0.7].into_iter().zip(1..);
        let rows: Vec<Row> = rows.map(|(goal, subject)| Row::new(subject, 0, Goal::AtLeast(goal))).collect();
        self.tell("Kinds of credentials", &entrants, &heat, &rows);
    }

    fn refusals(&self) {
        let site = self.site;
        let refused = |name, requests| Entrant::new(name, &self.product, requests).refused();
        let of = |presented| checks::reading(LimitedBy::Credential, presented);
        let beyond =
            checks::beyond_scope(LimitedBy::Credential, Presented::Bearer(site.keys.firsts(FEW_KEYS)));
        let mut entrants = [
            self.by_key(),
            refused("unknown key, remembered", of(Presented::Bearer(site.unknown.clone()))),
            refused("no credential", of(Presented::Nothing)),
            refused("scope missing", beyond),
        ];
        let heat = self.method.heat(&mut entrants, Pace::Closed);
        let rows: Vec<Row> = (1..4).map(|subject| Row::new(subject, 0, Goal::AtLeast(1.0))).collect();
        self.tell("Refusals", &entrants, &heat, &rows);
    }

    fn limits(&self) {
        let one = || Presented::Bearer(self.site.keys.firsts(1));
        let hot = || checks::reading(LimitedBy::Credential, one());
        let cold = || checks::from_addresses(one(), ADDRESSES);
        let free = checks::reading(LimitedBy::Nothing, one());
        let mut entrants = [
            Entrant::new("memory, one hot counter", &self.product, hot()),
            Entrant::new("no limit", &self.product, free),
            Entrant::new("Redis with leases, one hot counter", &self.shared, hot()),
            Entrant::new("memory, 100 000 cold counters", &self.product, cold()),
            Entrant::new("Redis with leases, 100 000 cold counters", &self.shared, cold()),
        ];
        let heat = self.method.heat(&mut entrants, Pace::Closed);
        let rows = [
            Row::new(0, 1, Goal::None),
            Row::new(2, 0, Goal::AtLeast(0.85)),
            Row::new(3, 0, Goal::None),
            Row::new(4, 3, Goal::None),
        ];
        self.tell("Limits", &entrants, &heat, &rows);
        // Where Redis does not answer requests are refused, so that nothing else was measured.
        assert!(!self.redis.info("cmdstat_evalsha").is_empty(), "Redis was not asked");
    }

    fn in_flight(&self, over: Over) {
        let columns = [
            "in flight",
            "checks/s",
            "of the floor's",
            "CPU µs",
            "of the floor's",
            "p99 µs",
            "of the floor's",
        ];
        let mut table =
            Table::new(format!("API key with requests in flight, over {}", over.name()), &columns);
        let is_possible = |in_flight: &usize| *in_flight <= self.method.in_flight_max;
        for in_flight in [1, 8, 64, 512].into_iter().filter(is_possible) {
            let mut entrants = [
                Entrant::new("floor", &self.floor, self.keys()).over(over).in_flight(in_flight),
                self.by_key().over(over).in_flight(in_flight),
            ];
            let heat = self.method.heat(&mut entrants, Pace::Closed);
            let figures: [fn(&Outcome) -> f64; 3] =
                [Outcome::rate, |outcome| outcome.cpu_us(0), |outcome| outcome.latency_us(0.99)];
            let cells = figures.iter().flat_map(|figure| {
                let median = heat.median(1, figure);
                let text = if median < 1000.0 { format!("{median:.1}") } else { count(median) };
                [text, format!("{:.2}", heat.ratio(1, 0, figure))]
            });
            table.add([in_flight.to_string()].into_iter().chain(cells));
        }
        self.method.progress.done();
        println!("{table}");
    }

    fn tell(&self, title: &str, entrants: &[Entrant<'_>], heat: &Heat, rows: &[Row]) {
        let columns =
            ["what", "checks/s", "CPU µs", "against", "checks/s", "goal", "met", "CPU", "goal", "met"];
        let mut table = Table::new(title, &columns);
        for (number, entrant) in entrants.iter().enumerate() {
            let figures = [
                entrant.name.to_owned(),
                count(heat.median(number, Outcome::rate)),
                format!("{:.1}", heat.median(number, |outcome| outcome.cpu_us(0))),
            ];
            let mut figures = figures;
            let against: Vec<&Row> = rows.iter().filter(|row| row.subject == number).collect();
            for row in &against {
                let rate = heat.ratio(row.subject, row.base, Outcome::rate);
                let cpu = heat.ratio(row.subject, row.base, |outcome| outcome.cpu_us(0));
                let base = entrants[row.base].name.to_owned();
                let cells = [vec![base, format!("{rate:.2}")], row.rate.cells(rate).to_vec()];
                let cpu_cells = [vec![format!("{cpu:.2}")], row.cpu.cells(cpu).to_vec()];
                table.add(figures.into_iter().chain(cells.into_iter().chain(cpu_cells).flatten()));
                figures = [String::new(), String::new(), String::new()];
            }
            if against.is_empty() {
                table.add(figures.into_iter().chain((0..7).map(|_| String::new())));
            }
        }
        self.method.progress.done();
        println!("{table}");
    }

    fn tell_latency(&self, title: &str, entrants: &[Entrant<'_>], heat: &Heat) {
        let columns = ["what", "p50 µs", "p99 µs", "CPU µs", "p99 of the first's", "goal", "met"];
        let mut table = Table::new(title, &columns);
        for (number, entrant) in entrants.iter().enumerate() {
            let ratio = heat.ratio(number, 0, |outcome| outcome.latency_us(0.99));
            let goal = if number == 2 { Goal::AtMost(1.2) } else { Goal::None };
            let [goal, met] = goal.cells(ratio);
            table.add([
                entrant.name.to_owned(),
                count(heat.median(number, |outcome| outcome.latency_us(0.5))),
                count(heat.median(number, |outcome| outcome.latency_us(0.99))),
                format!("{:.1}", heat.median(number, |outcome| outcome.cpu_us(0))),
                format!("{ratio:.2}"),
                goal,
                met,
            ]);
        }
        self.method.progress.done();
        println!("{table}");
    }
}

/// What memory a fresh product takes, before and after it has answered.
pub(crate) fn memory(method: &Method, binary: &Path, few: &Site, many: &Site) {
    let mut table = Table::new("Memory and many keys", &["what", "figure", "goal", "met"]);
    let mut idle = Server::product(binary, few, "memory");
    let one = checks::reading(LimitedBy::Credential, Presented::Bearer(few.keys.firsts(1)));
    let _time = idle.first_answer(Over::Unix, &mut one.clone());
    #[expect(clippy::cast_precision_loss, reason = "figures are rounded")]
    let mib = idle.memory() as f64 / MIB;
    let [goal, met] = Goal::AtMost(25.0).cells(mib);
    table.add(["resident memory, idle, MiB".to_owned(), format!("{mib:.1}"), goal, met]);
    drop(idle);
    for limited in [LimitedBy::Nothing, LimitedBy::Credential] {
        let is_judged = limited == LimitedBy::Nothing;
        let (bytes, rate) = with_many(method, binary, many, limited);
        let name = if is_judged { "no limit" } else { "a limit for each key" };
        let keys = count_of(many.keys.count());
        let [at_most, at_least] =
            if is_judged { [Goal::AtMost(400.0), Goal::AtLeast(0.9)] } else { [Goal::None, Goal::None] };
        let [goal, met] = at_most.cells(bytes);
        table.add([format!("{keys} keys, {name}: bytes each"), format!("{bytes:.0}"), goal, met]);
        let [goal, met] = at_least.cells(rate);
        table.add([
            format!("{keys} keys, {name}: checks/s of those with 1 000"),
            format!("{rate:.2}"),
            goal,
            met,
        ]);
    }
    method.progress.done();
    println!("{table}");
}

/// The bytes that each of many keys takes, and the rate of answers in ratio to that with few keys.
#[expect(clippy::cast_precision_loss, reason = "figures are rounded")]
fn with_many(method: &Method, binary: &Path, site: &Site, limited: LimitedBy) -> (f64, f64) {
    let of = |keys: Values| checks::reading(limited, Presented::Bearer(keys));
    let (few, many) = (of(site.keys.firsts(FEW_KEYS)), of(site.keys.clone()));
    let mut product = Server::product(binary, site, "memory");
    let _time = product.first_answer(Over::Unix, &mut of(site.keys.firsts(1)));
    product.ask_all(method, few.clone());
    let before = product.memory();
    product.ask_all(method, many.clone());
    let more = (site.keys.count() - FEW_KEYS) as f64;
    let bytes = product.memory().saturating_sub(before) as f64 / more;
    let mut entrants = [
        Entrant::new("1 000 keys", &product, few.ordered(Order::random())),
        Entrant::new("many keys", &product, many.ordered(Order::random())),
    ];
    let heat = method.heat(&mut entrants, Pace::Closed);
    (bytes, heat.ratio(1, 0, Outcome::rate))
}

/// The site of the tables that need few keys.
pub(crate) const FEW: Size = Size { keys: FEW_KEYS, organizations: 10, routes: 0 };
