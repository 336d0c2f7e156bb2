//! Notices that a connection stood, TLS and proxy included: before that, nothing of a request was sent.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_layer::Layer;
use tower_service::Service;

/// Whether the client ever had a connection.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<AtomicBool>);

impl Watch {
    pub(crate) fn connected(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl<S> Layer<S> for Watch {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched { inner, watch: self.clone() }
    }
}

/// What makes connections, watched.
#[derive(Clone)]
pub(crate) struct Watched<S> {
    inner: S,
    watch: Watch,
}

impl<S, R> Service<R> for Watched<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (connecting, watch) = (self.inner.call(request), self.watch.clone());
        Box::pin(async move {
            let connection = connecting.await?;
            watch.0.store(true, Ordering::SeqCst);
            Ok(connection)
        })
    }
}
