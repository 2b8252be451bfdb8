//! The interface that guests see.

use std::sync::Arc;

use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::{Backend, Error};
use crate::bindings::key_value as wit;
use crate::guest::{GuestData, GuestState};

/// Stores one instance may hold, as in Spin.
const MAX_STORES: usize = 256;

/// An open store, as a guest holds it.
#[derive(Clone, Debug)]
pub struct Store {
    label: Arc<str>,
    backend: Arc<Backend>,
}

impl GuestState {
    fn store(&self, resource: &Resource<Store>) -> Result<Store, Error> {
        self.table
            .get(resource)
            .cloned()
            .map_err(|error| Error::Other(error.to_string()))
    }
}

impl wit::Host for GuestState {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl wit::HostStore for GuestState {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        self.open_stores = self.open_stores.saturating_sub(1);
        Ok(())
    }
}

impl<T: Send + 'static> wit::HostStoreWithStore<T> for GuestData {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Result<Resource<Store>, Error> {
        accessor.with(|mut access| {
            let state = access.get();
            if !state.component.grants.key_value_granted.contains(&label) {
                return Err(Error::AccessDenied);
            }
            let backend = state
                .component
                .grants
                .key_value
                .get(&label)
                .ok_or(Error::NoSuchStore)?;
            if state.open_stores >= MAX_STORES {
                return Err(Error::StoreTableFull);
            }
            let store = Store {
                label: label.into(),
                backend: Arc::clone(backend),
            };
            let resource = state.table.push(store).map_err(|_| Error::StoreTableFull)?;
            state.open_stores += 1;
            Ok(resource)
        })
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        let store = accessor.with(|mut access| access.get().store(&store))?;
        store.backend.get(store.label, key).await
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        let store = accessor.with(|mut access| access.get().store(&store))?;
        store.backend.set(store.label, key, value).await
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Result<(), Error> {
        let store = accessor.with(|mut access| access.get().store(&store))?;
        store.backend.delete(store.label, key).await
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Result<bool, Error> {
        let store = accessor.with(|mut access| access.get().store(&store))?;
        store.backend.exists(store.label, key).await
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let store = accessor.with(|mut access| access.get().store(&store));
        let keys = match store {
            Ok(store) => store.backend.keys(store.label).await,
            Err(error) => Err(error),
        };
        let (keys, ended) = match keys {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let ended = FutureReader::new(&mut access, async move { wasmtime::error::Ok(ended) })?;
            Ok((keys, ended))
        })
    }
}
