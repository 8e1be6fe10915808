// SPDX-License-Identifier: MPL-2.0
//! One value of every kind that a DHT stores, with its key. Kinds that crate 0.3.2 does not know
//! are made with crate 0.6.0.
use crate::client::{new_key, now, random, tcp};
use crate::crates::Dialect;
use anyhow::Result;
use core06::wire::{
    CommunityBootstrapHint, CommunityMemberRecord, CommunityMemberStatus, CommunityMemberSummary,
    CommunityShareRecord, CommunityShareSummary, IdentitySubjectKind, KeyRevocationRecord,
    KeyRotationRecord, MaterializedMembersPage, MaterializedSharesPage, RevocationReason,
};
use ed25519_dalek::SigningKey;
use scp2p_core::{ManifestV1, ShareHead, ShareId, ShareKeypair, ShareVisibility, cbor, relay};
use std::net::SocketAddr;

pub const DAY: u64 = 86_400;

#[derive(Clone)]
pub struct Value {
    pub key: [u8; 32],
    pub bytes: Vec<u8>,
}

impl Value {
    pub fn store(&self) -> scp2p_core::wire::WirePayload {
        scp2p_core::wire::WirePayload::Store(scp2p_core::wire::Store {
            key: self.key,
            value: self.bytes.clone(),
            ttl_secs: DAY,
        })
    }
}

/// The contents of a membership: all that a member record signs but its community and lifetime.
pub struct Membership<'a> {
    pub key: &'a SigningKey,
    pub seq: u64,
    pub status: CommunityMemberStatus,
    pub issued: u64,
}

pub fn member(community: [u8; 32], m: &Membership) -> Result<Value> {
    let expires = m.issued + DAY;
    let record =
        CommunityMemberRecord::new_signed(m.key, community, m.seq, m.status, m.issued, expires)?;
    let key = core06::community_member_key(&community, &record.member_node_pubkey);
    Ok(Value { key, bytes: record.encode_tagged()? })
}

pub struct Share<'a> {
    pub key: &'a SigningKey,
    pub seq: u64,
    pub updated: u64,
    pub title: Option<&'a str>,
    pub description: Option<&'a str>,
}

pub fn share(community: [u8; 32], s: &Share) -> Result<Value> {
    share_of(community, s, random())
}

/// The record of one manifest: with other texts, but the same signature.
pub fn retitled(community: [u8; 32], s: &Share) -> Result<Value> {
    share_of(community, s, [9; 32])
}

fn share_of(community: [u8; 32], s: &Share, manifest: [u8; 32]) -> Result<Value> {
    let (title, description) = (s.title.map(str::to_owned), s.description.map(str::to_owned));
    let record = CommunityShareRecord::new_signed(
        s.key,
        community,
        manifest,
        s.seq,
        s.updated,
        title,
        description,
    )?;
    let key = core06::community_share_key(&community, &record.share_id);
    Ok(Value { key, bytes: record.encode_tagged()? })
}

/// The kinds as the table of dialects has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Head,
    Providers,
    Manifest,
    CommunityMembers,
    MemberRecord,
    ShareRecord,
    Hint,
    MembersPage,
    SharesPage,
    Rotation,
    Revocation,
    AnnouncementOf5,
    AnnouncementOf8,
}

impl Kind {
    pub const ALL: [Self; 13] = [
        Self::Head,
        Self::Providers,
        Self::Manifest,
        Self::CommunityMembers,
        Self::MemberRecord,
        Self::ShareRecord,
        Self::Hint,
        Self::MembersPage,
        Self::SharesPage,
        Self::Rotation,
        Self::Revocation,
        Self::AnnouncementOf5,
        Self::AnnouncementOf8,
    ];

    /// Whether nodes of the dialect take and give it.
    pub fn is_of(self, d: Dialect) -> bool {
        match self {
            Self::Head | Self::Providers | Self::Manifest => true,
            Self::CommunityMembers | Self::AnnouncementOf5 => d == Dialect::A,
            Self::Rotation | Self::Revocation => d == Dialect::C,
            _ => d != Dialect::A,
        }
    }

    pub fn is_announcement(self) -> bool {
        matches!(self, Self::AnnouncementOf5 | Self::AnnouncementOf8)
    }
}

fn address() -> scp2p_core::PeerAddr {
    tcp(SocketAddr::from(([192, 0, 2, 7], 7001)))
}

/// The same address as crate 0.6.0 has it.
fn address06() -> core06::PeerAddr {
    core06::PeerAddr {
        ip: address().ip,
        port: 7001,
        transport: core06::TransportProtocol::Tcp,
        pubkey_hint: None,
        relay_via: None,
    }
}

fn manifest(keypair: &ShareKeypair) -> Result<ManifestV1> {
    let mut m = ManifestV1 {
        version: 1,
        share_pubkey: keypair.verifying_key().to_bytes(),
        share_id: keypair.share_id().0,
        seq: 1,
        created_at: now(),
        expires_at: None,
        title: Some("a share".into()),
        description: None,
        visibility: ShareVisibility::Public,
        communities: vec![],
        items: vec![],
        recommended_shares: vec![],
        signature: None,
    };
    m.sign(keypair)?;
    Ok(m)
}

fn announcement(d: Dialect) -> Result<Value> {
    let (key, issued) = (new_key(), now());
    let bucket = relay::current_rendezvous_bucket(issued);
    let pubkey = key.verifying_key().to_bytes();
    let index = relay::relay_rendezvous_index(&pubkey, bucket, 0);
    let at = SocketAddr::from(([192, 0, 2, 7], 7001));
    Ok(Value {
        key: relay::relay_rendezvous_key(bucket, index),
        bytes: d.published().announcement(&key, at, issued)?,
    })
}

/// A sound value of the kind; kinds of one key share it where `community` is the same.
pub fn sample(kind: Kind, community: [u8; 32]) -> Result<Value> {
    let (signer, at) = (new_key(), now());
    let keypair = ShareKeypair::new(signer.clone());
    let bucket = core06::dht_keys::materialized_bucket(at);
    Ok(match kind {
        Kind::Head => {
            let share = keypair.share_id();
            let head = ShareHead::new_signed(share.0, 1, random(), at, &keypair)?;
            Value { key: scp2p_core::share_head_key(&share), bytes: cbor::to_vec(&head)? }
        }
        Kind::Providers => {
            let content_id = random();
            let providers = vec![address()];
            let p = scp2p_core::wire::Providers { content_id, providers, updated_at: at };
            let key = scp2p_core::content_provider_key(&content_id);
            Value { key, bytes: cbor::to_vec(&p)? }
        }
        Kind::Manifest => {
            let m = manifest(&keypair)?;
            let key = scp2p_core::manifest_loc_key(&m.manifest_id()?);
            Value { key, bytes: cbor::to_vec(&m)? }
        }
        Kind::CommunityMembers => {
            let m = scp2p_core::wire::CommunityMembers {
                community_share_id: community,
                members: vec![address()],
                updated_at: at,
            };
            let key = scp2p_core::community_info_key(&ShareId(community));
            Value { key, bytes: cbor::to_vec(&m)? }
        }
        Kind::MemberRecord => {
            let status = CommunityMemberStatus::Joined;
            member(community, &Membership { key: &signer, seq: 1, status, issued: at })?
        }
        Kind::ShareRecord => {
            let (title, description) = (Some("a share"), None);
            share(community, &Share { key: &signer, seq: 1, updated: at, title, description })?
        }
        Kind::Hint => {
            let hint = CommunityBootstrapHint {
                community_id: community,
                member_count_estimate: 1,
                sample_members: vec![address06()],
                index_peers: vec![],
                updated_at: at,
            };
            let key = core06::dht_keys::community_info_key(&core06::ShareId(community));
            Value { key, bytes: hint.encode_tagged()? }
        }
        Kind::MembersPage => {
            let entry = CommunityMemberSummary {
                member_node_pubkey: keypair.verifying_key().to_bytes(),
                status: CommunityMemberStatus::Joined,
                announce_seq: 1,
                addr: None,
            };
            let page = MaterializedMembersPage {
                community_id: community,
                bucket,
                page_no: 0,
                total_pages: 1,
                entries: vec![entry],
                built_at: at,
            };
            let key = core06::dht_keys::community_members_page_key(&community, bucket, 0);
            Value { key, bytes: page.encode_tagged()? }
        }
        Kind::SharesPage => {
            let entry = CommunityShareSummary {
                share_id: keypair.share_id().0,
                share_pubkey: keypair.verifying_key().to_bytes(),
                latest_seq: 1,
                title: None,
                description: None,
                updated_at: at,
            };
            let page = MaterializedSharesPage {
                community_id: community,
                bucket,
                page_no: 0,
                total_pages: 1,
                entries: vec![entry],
                built_at: at,
            };
            let key = core06::dht_keys::community_shares_page_key(&community, bucket, 0);
            Value { key, bytes: page.encode_tagged()? }
        }
        Kind::Rotation => {
            let subject = IdentitySubjectKind::SharePublisher;
            let r = KeyRotationRecord::new_signed(subject, &signer, &new_key(), 1, at)?;
            let key = core06::identity_rotation_key(&r.old_pubkey);
            Value { key, bytes: r.encode_tagged()? }
        }
        Kind::Revocation => {
            let (subject, reason) = (IdentitySubjectKind::Node, RevocationReason::Compromised);
            let r = KeyRevocationRecord::new_signed(subject, &signer, reason, at)?;
            Value { key: core06::identity_revocation_key(&r.pubkey), bytes: r.encode_tagged()? }
        }
        Kind::AnnouncementOf5 => announcement(Dialect::A)?,
        Kind::AnnouncementOf8 => announcement(Dialect::C)?,
    })
}
