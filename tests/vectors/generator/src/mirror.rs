// SPDX-License-Identifier: MPL-2.0
//! The hello of the crate, which keeps it to itself, mirrored field by field.
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use scp2p_core::{Capabilities, cbor};
use serde::{Deserialize, Serialize};

/// `C`: the capabilities of one of the crates.
#[derive(Clone, Serialize, Deserialize)]
pub struct Hello<C = Capabilities> {
    pub node_pubkey: [u8; 32],
    pub capabilities: C,
    pub nonce: [u8; 32],
    pub echoed_nonce: Option<[u8; 32]>,
    pub timestamp_unix_secs: u64,
    pub protocol_version: u16,
    pub ephemeral_pubkey: [u8; 32],
    pub signature: Vec<u8>,
}

impl<C: Clone + Serialize> Hello<C> {
    pub fn signed_bytes(&self) -> Vec<u8> {
        cbor::to_vec(&(
            self.node_pubkey,
            self.capabilities.clone(),
            self.nonce,
            self.echoed_nonce,
            self.timestamp_unix_secs,
            self.protocol_version,
            self.ephemeral_pubkey,
        ))
        .unwrap()
    }
    pub fn sign(mut self, key: &SigningKey) -> Self {
        self.signature = key.sign(&self.signed_bytes()).to_bytes().to_vec();
        self
    }
    pub fn verify(&self) -> anyhow::Result<()> {
        let sig = Signature::from_slice(&self.signature)?;
        Ok(VerifyingKey::from_bytes(&self.node_pubkey)?.verify(&self.signed_bytes(), &sig)?)
    }
}

pub struct Side<C = Capabilities> {
    pub seed: [u8; 32],
    pub caps: C,
    pub nonce: [u8; 32],
    pub eph_secret: [u8; 32],
}

impl<C: Clone + Serialize> Side<C> {
    pub fn hello(&self, echoed: Option<[u8; 32]>, at: u64, version: u16) -> Hello<C> {
        let key = SigningKey::from_bytes(&self.seed);
        let eph = x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(self.eph_secret));
        Hello {
            node_pubkey: key.verifying_key().to_bytes(),
            capabilities: self.caps.clone(),
            nonce: self.nonce,
            echoed_nonce: echoed,
            timestamp_unix_secs: at,
            protocol_version: version,
            ephemeral_pubkey: eph.to_bytes(),
            signature: vec![],
        }
        .sign(&key)
    }
}
