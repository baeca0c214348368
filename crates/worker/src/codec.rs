//! What Temporal keeps is sealed: payloads leave under the installation's key.

use futures::future::{BoxFuture, FutureExt as _, ready};
use m365_store::{Envelopes, Store};
use prost::Message as _;
use temporalio_common::data_converters::{
    DataConverter, DefaultFailureConverter, PayloadCodec, PayloadConversionError, PayloadConverter,
    SerializationContextData,
};
use temporalio_common::protos::temporal::api::common::v1::Payload;

const ENCODING: &str = "encoding";
const SEALED: &[u8] = b"binary/encrypted";

/// Seals and opens payloads.
struct Sealing(Envelopes);

/// How values become what Temporal keeps, and back. Messages of failures are sealed like everything else.
pub(crate) fn converter(store: &Store) -> DataConverter {
    let codec = Sealing(store.envelopes("temporal_payload"));
    DataConverter::new(PayloadConverter::default(), DefaultFailureConverter::new(true), codec)
}

type Payloads = Result<Vec<Payload>, PayloadConversionError>;

impl PayloadCodec for Sealing {
    fn encode(&self, _: &SerializationContextData, payloads: Vec<Payload>) -> BoxFuture<'static, Payloads> {
        let seal = |payload: Payload| Payload {
            metadata: [(ENCODING.to_owned(), SEALED.to_vec())].into(),
            data: self.0.seal(&payload.encode_to_vec()),
            ..Payload::default()
        };
        ready(Ok(payloads.into_iter().map(seal).collect())).boxed()
    }

    fn decode(&self, _: &SerializationContextData, payloads: Vec<Payload>) -> BoxFuture<'static, Payloads> {
        let open = |payload: Payload| {
            if payload.metadata.get(ENCODING).map(Vec::as_slice) != Some(SEALED) {
                // Nothing of ours is unsealed: whoever wrote this does not have the key.
                return Err(PayloadConversionError::EncodingError("a payload is not sealed".into()));
            }
            let plain =
                self.0.open(payload.data).map_err(|error| PayloadConversionError::EncodingError(error.into()))?;
            Payload::decode(plain.as_slice()).map_err(|_| PayloadConversionError::EncodingError("not a payload".into()))
        };
        ready(payloads.into_iter().map(open).collect()).boxed()
    }
}
