//! `cold-start`: from the start of the process to the first right answer.

use std::path::Path;

use crate::{
    checks::{self, Presented},
    compare::{Method, median},
    floor::Floor,
    generator::requests::Requests,
    server::{Over, Server},
    site::{LimitedBy, Site},
    table::{Table, count_of},
};

/// Prints how long starting takes, with one key, with many, and the floor's.
pub(crate) fn tell(method: &Method, binary: &Path, one: &Site, many: &Site) {
    // A key from the middle, so that it is nothing special.
    let keys = many.keys.count();
    let asked = |site: &Site| {
        let middle = site.keys.only(site.keys.count() / 2);
        checks::reading(LimitedBy::Credential, Presented::Bearer(middle))
    };
    let few = count_of(one.keys.count());
    let ways: [(String, &dyn Fn() -> Server, Requests); 3] = [
        ("the floor".to_owned(), &|| Server::floor(Floor::Decoding), asked(one)),
        (format!("Doorward, {few} in the store"), &|| Server::product(binary, one, "memory"), asked(one)),
        (
            format!("Doorward, {} in the store", count_of(keys)),
            &|| Server::product(binary, many, "memory"),
            asked(many),
        ),
    ];
    let mut times: Vec<Vec<f64>> = ways.iter().map(|_| Vec::new()).collect();
    for round in 0..=method.runs {
        for ((name, start, requests), times) in ways.iter().zip(&mut times) {
            method.progress.tell(&format!("round {round} of {}: {name}", method.runs));
            let mut server = start();
            let time = server.first_answer(Over::Unix, &mut requests.clone());
            if round > 0 {
                times.push(time.as_secs_f64() * 1e3);
            }
        }
    }
    let columns = ["what", "ms to the first right answer", "of that with one key"];
    let mut table = Table::new("Cold start", &columns);
    for ((name, ..), own) in ways.iter().zip(&times) {
        let ratios = own.iter().zip(&times[1]).map(|(own, base)| own / base);
        let (time, ratio) = (median(own.clone()), median(ratios.collect()));
        table.add([name.clone(), format!("{time:.1}"), format!("{ratio:.2}")]);
    }
    method.progress.done();
    println!("{table}");
}
