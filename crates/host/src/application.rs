//! A loaded application: finds the component of a request and lets it answer.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::uri::Scheme;
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wasmtime::Engine;
use wasmtime_wasi_http::handler::{ExpirationError, InstantiationError, ProxyHandler};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::admission::Admission;
use crate::cron::Job;
use crate::error::LoadError;
use crate::headers::{self, RouteHeaders};
use crate::options::{Limits, Options};
use crate::patience::Timed;
use crate::response::{Unbroken, plain, problem};
use crate::routes::{Route, Router};
use crate::worker::{RequestData, Workers};
use crate::{Body, serve};

/// Paths under this prefix belong to the host.
const WELL_KNOWN: &str = "/.well-known/spin/";

/// The client address of a request from another component, as in Spin.
const CHAINED_CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A Spin application, ready to answer.
pub struct Application {
    pub(crate) name: String,
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) router: Router,
    /// Same order as the router's routes.
    pub(crate) route_headers: HashMap<String, RouteHeaders>,
    pub(crate) components: Vec<HttpComponent>,
    pub(crate) ids: HashMap<String, usize>,
    pub(crate) admission: Admission,
    pub(crate) jobs: Vec<Arc<Job>>,
    pub(crate) sqlite_files: Vec<(String, PathBuf)>,
}

/// A component that answers requests.
pub(crate) struct HttpComponent {
    pub id: Arc<str>,
    pub handler: ProxyHandler<Workers>,
    /// Where its instances run, when not where they are called from.
    pub home: Option<Handle>,
    /// The route that chaining pretends.
    pub everything: Route,
    pub everything_headers: RouteHeaders,
}

impl Application {
    /// Reads, checks and compiles an application.
    ///
    /// # Errors
    /// The first thing that is wrong, in words for the person who starts it.
    pub async fn load(options: Options) -> Result<Arc<Self>, LoadError> {
        crate::load::load(options).await
    }

    /// Answers one request: finds its component by path and runs it. Needs no socket.
    pub async fn handle(&self, mut request: Request<Body>, client: SocketAddr) -> Response<Body> {
        if let Some(page) = request.uri().path().strip_prefix(WELL_KNOWN) {
            return match page {
                "health" => plain(StatusCode::OK, "OK"),
                _ => plain(StatusCode::NOT_FOUND, ""),
            };
        }
        if let Err(reason) = headers::complete_uri(&mut request, Scheme::HTTP) {
            return problem(StatusCode::BAD_REQUEST, reason);
        }
        let limit = self.limits.body_bytes;
        if request.body().size_hint().lower() > limit as u64 {
            return problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("the body of a request is at most {limit} bytes"),
            );
        }
        let place = self.admission.enter().await;
        if place.is_none() {
            return problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests are waiting",
            );
        }
        let request = request.map(|body| self.bounded(body));
        let response = self
            .route(request, client, RequestData::new(0, place))
            .await;
        response.map(|body| body.map_err(Into::into).boxed_unsync())
    }

    /// A request's body as guests read it: no longer and no slower than allowed.
    fn bounded(&self, body: Body) -> WasiBody {
        let limit = self.limits.body_bytes;
        let empty = body.is_end_stream();
        let body = Limited::new(body, limit).map_err(move |error| {
            if error.is::<LengthLimitError>() {
                Error::HttpRequestBodySize(Some(limit as u64))
            } else {
                Error::InternalError(Some(error.to_string()))
            }
        });
        if empty {
            body.boxed_unsync()
        } else {
            Timed::new(body.boxed_unsync(), self.limits.stall_timeout).boxed_unsync()
        }
    }

    async fn route(
        &self,
        mut request: Request<WasiBody>,
        client: SocketAddr,
        data: RequestData,
    ) -> Response<WasiBody> {
        let path = request.uri().path().to_owned();
        let Some(found) = self.router.find(&path) else {
            let mut response = Response::new(crate::response::body(""));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        let component = &self.components[found.route.component];
        if let Some(values) = self.route_headers.get(&found.route.raw) {
            headers::describe(&mut request, &found, values, client);
        }
        self.answer(component, request, data).await
    }

    /// A request of one component to another, in process.
    pub(crate) async fn chain(
        &self,
        id: &str,
        mut request: Request<WasiBody>,
        depth: u32,
    ) -> Result<Response<WasiBody>, Error> {
        let data = self.deeper(depth, id)?;
        let Some(component) = self.ids.get(id).map(|index| &self.components[*index]) else {
            tracing::error!(
                "a component called `{id}`, which is no component with an HTTP trigger"
            );
            return Err(Error::DestinationNotFound);
        };
        headers::complete_uri(&mut request, Scheme::HTTP)
            .map_err(|_| Error::HttpRequestUriInvalid)?;
        let path = request.uri().path().to_owned();
        if let Some(mut found) = component.everything.matches(&path) {
            // Spin passes the path on as it is.
            found.rest.clone_from(&path);
            headers::describe(
                &mut request,
                &found,
                &component.everything_headers,
                CHAINED_CLIENT,
            );
        }
        Ok(self.answer(component, request, data).await)
    }

    /// A request of a component to its own application, in process.
    pub(crate) async fn call_self(
        &self,
        mut request: Request<WasiBody>,
        depth: u32,
    ) -> Result<Response<WasiBody>, Error> {
        let data = self.deeper(depth, "self")?;
        if request
            .uri()
            .authority()
            .is_none_or(|authority| authority.host().is_empty())
        {
            let path = request.uri().path_and_query().cloned();
            let mut parts = http::uri::Parts::default();
            parts.scheme = Some(Scheme::HTTP);
            parts.authority = Some(http::uri::Authority::from_static("self.alt"));
            parts.path_and_query = path;
            *request.uri_mut() =
                http::Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
        }
        request.headers_mut().remove(http::header::HOST);
        Ok(self.route(request, CHAINED_CLIENT, data).await)
    }

    fn deeper(&self, depth: u32, target: &str) -> Result<RequestData, Error> {
        if depth >= self.limits.chain_depth {
            tracing::error!(
                "a request was passed on {depth} times and would go on to `{target}`; it ends here"
            );
            return Err(Error::LoopDetected);
        }
        Ok(RequestData::new(depth + 1, None))
    }

    async fn answer(
        &self,
        component: &HttpComponent,
        request: Request<WasiBody>,
        data: RequestData,
    ) -> Response<WasiBody> {
        let instance = Arc::clone(&data.instance);
        let handled = component.handler.handle(data, request);
        let error = match at_home(component.home.as_ref(), handled).await {
            Ok(response) => {
                return match instance.get() {
                    Some(failed) if !response.body().is_end_stream() => {
                        response.map(|body| Unbroken::new(body, failed).boxed_unsync())
                    }
                    _ => response,
                };
            }
            Err(error) => error,
        };
        let id = &component.id;
        if error
            .downcast_ref::<InstantiationError<RequestData>>()
            .is_some()
        {
            tracing::error!("component `{id}` could not be started: {error:#}");
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "no instance could be started",
            )
        } else if error.downcast_ref::<ExpirationError>().is_some() {
            tracing::error!("component `{id}` took too long to answer");
            problem(
                StatusCode::GATEWAY_TIMEOUT,
                "the component took too long to answer",
            )
        } else {
            tracing::error!("component `{id}` failed to answer: {error:#}");
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the component failed to answer",
            )
        }
    }

    /// Answers requests from a socket until `shutdown`; then open requests may finish within
    /// `Limits::drain_timeout`.
    ///
    /// # Errors
    /// None after the listener is bound, short of running out of memory.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        serve::serve(self, listener, shutdown).await
    }

    /// Starts the scheduled components. The task ends with `shutdown`.
    pub fn start_cron(self: &Arc<Self>, shutdown: CancellationToken) -> JoinHandle<()> {
        let mut running = tokio::task::JoinSet::new();
        for job in &self.jobs {
            running.spawn(Arc::clone(job).run(self.engine.clone(), self.limits.request_timeout));
        }
        tokio::spawn(async move {
            shutdown.cancelled().await;
            running.shutdown().await;
        })
    }

    /// The application's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Routes and the components behind them, most specific first.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.router
            .routes()
            .map(|route| (route.raw.as_str(), &*self.components[route.component].id))
    }

    /// Database files by label, for tools that look after them.
    pub fn sqlite_files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.sqlite_files
            .iter()
            .map(|(label, path)| (label.as_str(), path.as_path()))
    }
}

/// Polls a future so that what it spawns runs at `home`.
async fn at_home<T>(home: Option<&Handle>, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let _inside = home.map(Handle::enter);
        future.as_mut().poll(context)
    })
    .await
}
