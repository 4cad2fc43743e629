//! Methods of the admin API over gRPC.

use std::{marker::PhantomData, pin::Pin};

use axum::body::Body;
use http::{Request, Response};
use tonic::{
    Status,
    metadata::MetadataValue,
    server::{Grpc, UnaryService},
};
use tonic_prost::ProstCodec;

use crate::{
    admin::api::{Answers, Method, REACHED, permit},
    domain::Administrator,
};

use super::{
    rest::BODY_BYTES_MAX,
    routes::{Answering, Routes, reached},
};

/// Answers one call of a method.
struct Call<D, M> {
    routes: Routes<D>,
    by: Administrator,
    method: PhantomData<M>,
}

impl<D: Answers<M> + 'static, M: Method> UnaryService<M::Request> for Call<D, M> {
    type Response = M::Answer;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<M::Answer>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<M::Request>) -> Self::Future {
        let (routes, by) = (self.routes.clone(), self.by.clone());
        Box::pin(async move {
            permit::<M>(&by)?;
            let answer = routes.desk().answer(&by, request.into_inner()).await?;
            let mut response = tonic::Response::new(answer);
            if let Some(reached) = reached::<D, M>(routes.desk()).await
                && let Ok(reached) = MetadataValue::try_from(reached.as_bytes())
            {
                response.metadata_mut().insert(REACHED, reached);
            }
            Ok(response)
        })
    }
}

/// Answers a call of the method `M`.
pub(super) fn answer<D: Answers<M> + 'static, M: Method>(
    routes: Routes<D>,
    by: Administrator,
    request: Request<Body>,
) -> Answering {
    Box::pin(async move {
        let codec = ProstCodec::<M::Answer, M::Request>::default();
        let mut grpc = Grpc::new(codec).apply_max_message_size_config(Some(BODY_BYTES_MAX), None);
        let answer = grpc.unary(Call { routes, by, method: PhantomData::<M> }, request).await;
        answer.map(Body::new)
    })
}

/// Answers a call of a method that is not there.
pub(super) fn unknown() -> Response<Body> {
    Status::unimplemented("there is no such method").into_http::<Body>()
}
