//! Requests that guests send: to components of the application in process, to others over the
//! network, to nobody without a grant.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Uri, header};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use wasmtime::AsContextMut;
use wasmtime::component::{Accessor, HasData, Resource};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi_http::p3::bindings::http::client;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p3::{Request as GuestRequest, Response as GuestResponse};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::guest::{ComponentContext, GuestState};
use crate::hosts::chained_component;
use crate::networks::{Networks, Resolver};
use crate::patience::Timed;

/// How long anything may take when the guest does not say, as in Spin.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an idle connection is kept for the next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A name for one's own application, for SDKs that need one.
const OWN_HOST: &str = "self.alt";

/// A pool of connections, shared by all components.
#[derive(Clone)]
pub(crate) struct Client {
    pool: legacy::Client<HttpsConnector<HttpConnector<Resolver>>, WasiBody>,
    networks: Networks,
}

pub(crate) fn client(networks: Networks) -> Client {
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new(networks.clone()));
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let pool = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(connector);
    Client { pool, networks }
}

/// What an instance sends its requests through.
pub(crate) struct Outbound {
    pub component: Arc<ComponentContext>,
    /// How deep in a chain the request is that the instance is serving.
    pub depth: u32,
}

type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        // What the guest makes of the answer; nobody here can use it.
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (component, depth) = (Arc::clone(&self.component), self.depth);
        Box::new(async move {
            let response = send(&component, depth, request, options.unwrap_or_default()).await?;
            let nothing_left: Box<dyn Future<Output = _> + Send> =
                Box::new(std::future::ready(Ok(())));
            Ok((response, nothing_left))
        })
    }
}

async fn send(
    component: &ComponentContext,
    depth: u32,
    mut request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let uri = request.uri().clone();
    let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
    let host = uri.host().unwrap_or_default();
    let own = host.is_empty() || host == OWN_HOST;
    let scheme = uri.scheme_str().unwrap_or("https");
    let allowed = if own {
        component.grants.allowed_hosts.allows_self()
    } else {
        component
            .grants
            .allowed_hosts
            .allows(scheme, host, uri.port_u16())
    };
    if !allowed {
        let place = if own {
            "self".into()
        } else {
            format!("{scheme}://{}", authority(&uri))
        };
        tracing::error!(
            "component `{}` may not call {place}; to allow it, add it to the component's `allowed_outbound_hosts`",
            component.grants.id
        );
        return Err(Error::HttpRequestDenied);
    }
    let target = chained_component(host);
    let response = if own || target.is_some() {
        if !component.may_chain {
            tracing::error!(
                "component `{}` is started by a schedule and cannot reach {} in process; use the public address",
                component.grants.id,
                target.unwrap_or("self")
            );
            return Err(if own {
                Error::HttpRequestUriInvalid
            } else {
                Error::DestinationNotFound
            });
        }
        let application = component
            .application
            .upgrade()
            .ok_or(Error::DestinationUnavailable)?;
        let answer = async {
            match target {
                Some(target) => application.chain(target, request, depth).await,
                None => application.call_self(request, depth).await,
            }
        };
        timeout(first_byte, answer)
            .await
            .map_err(|_| Error::ConnectionReadTimeout)??
    } else {
        if component.client.networks.blocks_host(host) {
            tracing::error!(
                "component `{}` may not reach {host}: its network is blocked by the runtime configuration",
                component.grants.id
            );
            return Err(Error::DestinationIpProhibited);
        }
        request.headers_mut().remove(header::CONNECTION);
        let connect = options.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        timeout(
            connect.saturating_add(first_byte),
            component.client.pool.request(request),
        )
        .await
        .map_err(|_| Error::ConnectionReadTimeout)?
        .map_err(client_error)?
        .map(|body| body.map_err(Error::from).boxed_unsync())
    };
    Ok(match options.between_bytes_timeout {
        Some(between) => response.map(|body| Timed::new(body, between).boxed_unsync()),
        None => response,
    })
}

fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}

/// What the guest is told about a failed connection.
fn client_error(error: legacy::Error) -> Error {
    tracing::debug!("outbound request failed: {error:?}");
    let mut cause = error.source();
    while let Some(reason) = cause {
        if let Some(error) = reason.downcast_ref::<io::Error>() {
            if let Some(error) = io_error(error) {
                return error;
            }
            // An error of another library, packed in.
            cause = error.get_ref().map(|inner| inner as &dyn std::error::Error);
            continue;
        }
        if reason.is::<rustls::Error>() {
            return Error::TlsProtocolError;
        }
        if let Some(error) = reason.downcast_ref::<hyper::Error>()
            && error.is_incomplete_message()
        {
            return Error::ConnectionTerminated;
        }
        if reason.to_string() == "dns error" {
            return Error::DnsError {
                rcode: reason.source().map(ToString::to_string),
                info_code: None,
            };
        }
        cause = reason.source();
    }
    if error.is_connect() {
        Error::DestinationUnavailable
    } else {
        Error::HttpProtocolError
    }
}

fn io_error(error: &io::Error) -> Option<Error> {
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        io::ErrorKind::PermissionDenied => Error::DestinationIpProhibited,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Error::ConnectionTerminated,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Error::DestinationIpUnroutable
        }
        io::ErrorKind::InvalidData => Error::TlsProtocolError,
        _ => return None,
    })
}

/// `wasi:http/client`, knowing which of an instance's requests is the caller.
pub(crate) struct ChainingClient;

impl HasData for ChainingClient {
    type Data<'a> = WasiHttpCtxView<'a>;
}

impl client::HostWithStore<GuestState> for ChainingClient {
    async fn send(
        accessor: &Accessor<GuestState, Self>,
        request: Resource<GuestRequest>,
    ) -> Result<Resource<GuestResponse>, TrappableError<ErrorCode>> {
        // The delegate reads the depth before it first waits, so no other request can come between.
        accessor.with(|mut access| {
            let mut store = access.as_context_mut();
            let callers: Vec<_> = store.async_call_stack().into_iter().flatten().collect();
            let state = store.data_mut();
            if let Some(depth) = callers.iter().find_map(|caller| state.depths.get(caller)) {
                state.outbound.depth = *depth;
            }
        });
        let delegate = accessor.with_getter::<WasiHttp>(GuestState::http);
        <WasiHttp as client::HostWithStore<GuestState>>::send(&delegate, request).await
    }
}
