//! The whole way: Envoy, Doorward behind it, and an upstream.

use std::{slice, time::Duration};

use super::{doorward::Doorward, envoy::Envoy, recipe::Recipe, site::Site, upstream::Upstream};

/// How long the last lines of a log may be on their way: they are gathered for a tenth of that.
const LAST_LINES: Duration = Duration::from_millis(100);

pub(crate) struct World {
    pub(crate) envoy: Envoy,
    pub(crate) doorward: Doorward,
    pub(crate) upstream: Upstream,
    pub(crate) site: Site,
}

impl World {
    /// Starts all of it for a site that is ready.
    pub(crate) async fn start(version: &str, site: Site, change: impl FnOnce(Recipe) -> Recipe) -> Self {
        let upstream = Upstream::start().await;
        let doorward = site.serve().await;
        let recipe = change(Recipe::shipped(upstream.address, slice::from_ref(&doorward.socket)));
        let envoy = Envoy::start(version, &recipe).await;
        Self { envoy, doorward, upstream, site }
    }

    /// Panics if a key stands in a log, in the metrics or in Envoy's access log.
    pub(crate) async fn assert_no_secret(&self) {
        tokio::time::sleep(LAST_LINES).await;
        self.site.assert_no_secret("Doorward's log", &self.doorward.process.log());
        self.site.assert_no_secret("Doorward's output", &self.doorward.process.output());
        self.site.assert_no_secret("the metrics", &self.doorward.metrics().await);
        self.site.assert_no_secret("Envoy's access log", &self.envoy.process.output());
        self.site.assert_no_secret("Envoy's log", &self.envoy.process.log());
    }
}
