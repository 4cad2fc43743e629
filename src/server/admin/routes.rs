//! Which method a request asks for, over gRPC or REST.

use std::{collections::HashMap, pin::Pin, sync::Arc};

use axum::body::Body;
use http::{HeaderValue, Method as Verb, Request, Response, StatusCode, header};

use crate::{
    admin::api::{self, About, Answers, AnswersAll, Method, Visitor},
    domain::Administrator,
};

use super::{grpc, json_error, path, rest};

/// An answer that is being made.
pub(super) type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// The description of the REST form, as `OpenAPI` 3.1.
const OPENAPI: &str = include_str!("../../../proto/doorward/admin/v1/openapi.json");
/// Where it is served.
const OPENAPI_PATH: &str = "/v1/openapi.json";

/// All methods that `D` answers, over gRPC and REST. Clones share all.
#[derive(Debug)]
pub struct Routes<D>(Arc<Shared<D>>);

#[derive(Debug)]
struct Shared<D> {
    desk: D,
    all: Vec<Route<D>>,
    by_grpc_path: HashMap<String, usize>,
}

impl<D> Clone for Routes<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// One method.
#[derive(Debug)]
struct Route<D> {
    about: About,
    grpc: fn(Routes<D>, Administrator, Request<Body>) -> Answering,
    rest: fn(Routes<D>, Administrator, rest::Asked) -> Answering,
}

/// Gathers the methods.
struct Gathering<D>(Vec<Route<D>>);

impl<D: 'static> Visitor<D> for Gathering<D> {
    fn visit<M: Method>(&mut self)
    where
        D: Answers<M>,
    {
        self.0.push(Route { about: M::ABOUT, grpc: grpc::answer::<D, M>, rest: rest::answer::<D, M> });
    }
}

impl<D: AnswersAll> Routes<D> {
    /// Leads to all methods of `desk`.
    pub fn new(desk: D) -> Self {
        let mut gathering = Gathering(Vec::new());
        api::each(&mut gathering);
        let all = gathering.0;
        let by_grpc_path = all.iter().enumerate().map(|(at, route)| (route.about.grpc_path(), at)).collect();
        Self(Arc::new(Shared { desk, all, by_grpc_path }))
    }

    /// Answers a request of this administrator.
    pub async fn answer(&self, by: Administrator, request: Request<Body>) -> Response<Body> {
        if is_grpc(&request) {
            let route = self.0.by_grpc_path.get(request.uri().path()).and_then(|at| self.0.all.get(*at));
            return match route {
                Some(route) => (route.grpc)(self.clone(), by, request).await,
                None => grpc::unknown(),
            };
        }
        if request.uri().path() == OPENAPI_PATH && request.method() == Verb::GET {
            return rest::json(StatusCode::OK, OPENAPI);
        }
        let (path, verb) = (request.uri().path(), request.method().as_str());
        let mut verbs = Vec::new();
        for route in &self.0.all {
            let Some(in_path) = path::matched(route.about.path, path) else { continue };
            let own = rest::name(route.about.verb);
            if own == verb {
                return (route.rest)(self.clone(), by, rest::Asked { in_path, request }).await;
            }
            verbs.push(own);
        }
        if verbs.is_empty() {
            return json_error::unknown_path();
        }
        let mut answer = json_error::unknown_verb(&verbs);
        if let Ok(verbs) = HeaderValue::from_str(&verbs.join(", ")) {
            answer.headers_mut().insert(header::ALLOW, verbs);
        }
        answer
    }
}

impl<D> Routes<D> {
    /// What answers.
    pub(super) fn desk(&self) -> &D {
        &self.0.desk
    }
}

/// On how many servers what `M` has done is in force, and of how many, where somebody wants to know.
pub(super) async fn reached<D: Answers<M>, M: Method>(desk: &D) -> Option<HeaderValue> {
    if !M::ABOUT.takes_away() {
        return None;
    }
    let spread = desk.spread().await?;
    HeaderValue::try_from(format!("{}/{}", spread.reached, spread.servers)).ok()
}

/// Whether a request is one of gRPC, by its content type.
pub(super) fn is_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/grpc"))
}
