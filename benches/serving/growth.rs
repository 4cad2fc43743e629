//! `growth`: how answers a second, latency and memory change as there is more of one thing; as a table and as curves.

use std::{fs, path::Path};

use crate::{
    checks::{self, Presented},
    compare::{Entrant, Heat, Method},
    generator::{
        Outcome, Pace,
        requests::{Order, Requests, Values},
    },
    picture::{self, Panel},
    process::MIB,
    ratios::FEW,
    server::{Over, Server},
    site::{LimitedBy, Site, Size, paths},
    table::{Table, count, count_of},
};

/// How many keys share the organizations.
const MEMBERS: usize = 100_000;

/// What grows.
struct Dimension {
    /// The name of its picture.
    file: &'static str,
    title: &'static str,
    x_title: String,
    points: Vec<usize>,
}

pub(crate) struct Growth<'a> {
    pub(crate) method: &'a Method,
    pub(crate) binary: &'a Path,
    /// Makes a site of some size.
    pub(crate) site: &'a dyn Fn(Size) -> Site,
    /// The site with the most keys.
    pub(crate) many: &'a Site,
    /// Where pictures go.
    pub(crate) pictures: &'a Path,
}

impl Growth<'_> {
    pub(crate) fn all(&self) {
        self.keys();
        self.routes();
        self.organizations();
        let site = (self.site)(FEW);
        self.in_flight(&site);
        self.connections(&site);
    }

    fn keys(&self) {
        let site = self.many;
        let points: Vec<usize> = decades(site.keys.count());
        let product = self.product(site);
        let of = |count| checks::reading(LimitedBy::Credential, Presented::Bearer(site.keys.firsts(count)));
        let memory = points.iter().map(|count| {
            product.ask_all(self.method, of(*count));
            product.memory()
        });
        let memory: Vec<u64> = memory.collect();
        let entrants = points.iter().map(|count| entrant(&product, of(*count)));
        let entrants = entrants.collect();
        let x_title = "keys in use, each with a limit".to_owned();
        let dimension = Dimension { file: "keys", title: "Growing with keys", x_title, points };
        self.measure(&dimension, entrants, Some(memory));
    }

    fn routes(&self) {
        let points = decades(10_000);
        let size = |routes| Size { routes, ..FEW };
        let requests = |site: &Site, routes| {
            let keys = Presented::Bearer(site.keys.clone());
            checks::to_paths(LimitedBy::Credential, keys, Values::new(paths(routes)))
        };
        let (title, x_title) = ("Growing with routes", "routes of the API".to_owned());
        self.with_a_site_each(&Dimension { file: "routes", title, x_title, points }, size, requests);
    }

    fn organizations(&self) {
        let keys = MEMBERS.min(self.many.keys.count());
        let points = decades(keys);
        let size = |organizations| Size { keys, organizations, routes: 0 };
        let requests =
            |site: &Site, _| checks::reading(LimitedBy::Organization, Presented::Bearer(site.keys.clone()));
        let x_title = format!("organizations of {} keys, each with a limit", count_of(keys));
        let title = "Growing with organizations";
        self.with_a_site_each(&Dimension { file: "organizations", title, x_title, points }, size, requests);
    }

    /// Measures what needs another configuration or another store at each point.
    fn with_a_site_each(
        &self,
        dimension: &Dimension,
        size: impl Fn(usize) -> Size,
        requests: impl Fn(&Site, usize) -> Requests,
    ) {
        let points = &dimension.points;
        let sites: Vec<Site> = points.iter().map(|point| (self.site)(size(*point))).collect();
        let products: Vec<Server> = sites.iter().map(|site| self.product(site)).collect();
        let all = points.iter().zip(&sites).map(|(point, site)| requests(site, *point));
        let entrants = all.zip(&products).map(|(requests, product)| {
            product.ask_all(self.method, requests.clone());
            entrant(product, requests)
        });
        self.measure(dimension, entrants.collect(), None);
    }

    fn in_flight(&self, site: &Site) {
        let powers = (0..).map(|power| 1 << power);
        let points: Vec<usize> = powers.take_while(|count| *count <= self.method.in_flight_max).collect();
        let products: Vec<Server> = points.iter().map(|_| self.product(site)).collect();
        let requests = || checks::reading(LimitedBy::Credential, Presented::Bearer(site.keys.clone()));
        let entrants = points
            .iter()
            .zip(&products)
            .map(|(count, product)| entrant(product, requests()).in_flight(*count));
        let dimension = Dimension {
            file: "in-flight",
            title: "Growing with Checks in flight",
            x_title: "Checks in flight, on two connections".to_owned(),
            points: points.clone(),
        };
        self.measure(&dimension, entrants.collect(), None);
    }

    fn connections(&self, site: &Site) {
        let mut points = vec![1, 3, 10, 30, 100, 300, 1000];
        points.retain(|count| *count <= self.method.in_flight_max);
        let products: Vec<Server> = points.iter().map(|_| self.product(site)).collect();
        let requests = || checks::reading(LimitedBy::Credential, Presented::Bearer(site.keys.clone()));
        let entrants = points.iter().zip(&products).map(|(count, product)| {
            let streams = self.method.in_flight_max / count;
            Entrant { connections: *count, streams, ..entrant(product, requests()) }
        });
        let dimension = Dimension {
            file: "connections",
            title: "Growing with connections",
            x_title: format!(
                "connections, with {} Checks in flight together",
                count_of(self.method.in_flight_max)
            ),
            points: points.clone(),
        };
        self.measure(&dimension, entrants.collect(), None);
    }

    fn product(&self, site: &Site) -> Server {
        let mut product = Server::product(self.binary, site, "memory");
        let one = checks::reading(LimitedBy::Credential, Presented::Bearer(site.keys.firsts(1)));
        let _time = product.first_answer(Over::Unix, &mut one.clone());
        product
    }

    /// Measures all points in turn, prints a table and draws the curves. The memory is that of the servers in the end,
    /// if it was not measured before.
    fn measure(&self, dimension: &Dimension, mut entrants: Vec<Entrant<'_>>, memory: Option<Vec<u64>>) {
        self.method.progress.tell(dimension.title);
        let heat: Heat = self.method.heat(&mut entrants, Pace::Closed);
        let memory =
            memory.unwrap_or_else(|| entrants.iter().map(|entrant| entrant.server.memory()).collect());
        let points = 0..dimension.points.len();
        let figures = |figure: fn(&Outcome) -> f64| -> (Vec<f64>, Vec<f64>) {
            points.clone().map(|at| (heat.median(at, figure), heat.ratio(at, 0, figure))).unzip()
        };
        let (rates, rate_ratios) = figures(Outcome::rate);
        let (p99s, p99_ratios) = figures(|outcome| outcome.latency_us(0.99));
        #[expect(clippy::cast_precision_loss, reason = "figures are rounded")]
        let memory: Vec<f64> = memory.iter().map(|bytes| *bytes as f64 / MIB).collect();
        let columns = [
            dimension.x_title.as_str(),
            "checks/s",
            "of the first",
            "p99 µs",
            "of the first",
            "MiB",
            "of the first",
        ];
        let mut table = Table::new(dimension.title, &columns);
        for at in points.clone() {
            table.add([
                count_of(dimension.points[at]),
                count(rates[at]),
                format!("{:.2}", rate_ratios[at]),
                count(p99s[at]),
                format!("{:.2}", p99_ratios[at]),
                format!("{:.1}", memory[at]),
                format!("{:.2}", memory[at] / memory[0]),
            ]);
        }
        self.method.progress.done();
        println!("{table}");
        let panel = |title: &str, figures| Panel { title: title.to_owned(), figures };
        let panels = [
            panel("Checks a second", rates),
            panel("p99 latency, µs", p99s),
            panel("Resident memory, MiB", memory),
        ];
        let svg = picture::draw(dimension.title, &dimension.x_title, &dimension.points, &panels);
        fs::create_dir_all(self.pictures).expect("a folder for pictures");
        fs::write(self.pictures.join(format!("{}.svg", dimension.file)), svg).expect("a picture");
    }
}

/// Allowed requests, in random order.
fn entrant(product: &Server, requests: Requests) -> Entrant<'_> {
    Entrant::new("Doorward", product, requests.ordered(Order::random())).over(Over::Unix)
}

/// 1, 10, 100, … up to `most`.
fn decades(most: usize) -> Vec<usize> {
    std::iter::successors(Some(1), |count| Some(count * 10)).take_while(|count| *count <= most).collect()
}
