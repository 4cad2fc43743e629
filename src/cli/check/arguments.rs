//! What `doorward check` is told.

use std::{net::IpAddr, path::PathBuf};

use clap::Args;
use secrecy::SecretString;

use crate::{
    cli::{ConfigFile, Output},
    domain::{Timestamp, parse_moment},
};

const EXAMPLES: &str = "\
Examples:
  doorward check -H \"authorization: Bearer $KEY\" https://api.example.com/v1/scans
  doorward check -X POST -H 'content-type: application/json' -d @scan.json \\
      --peer 203.0.113.7 https://api.example.com/v1/scans
  doorward check --at 2030-12-31T23:59:59Z --output json https://api.example.com/
  doorward check --request check.json

The request is decided by the stages that a server decides by, on the same configuration and
store. Nothing is counted, logged, changed or used up, and no running server is asked. Counters
in Redis are looked at; those in the memory of a server are taken for untouched.
Credentials, cookies, signatures, bodies and values of the query are not shown. As Envoy does,
the address of `--peer` is put at the end of x-forwarded-for, and the URL's scheme into
x-forwarded-proto.

A request in a file is envoy.service.auth.v3.CheckRequest in JSON, its names in lowerCamelCase
or snake_case, `rawBody` and `rawValue` in base64.

With `--output json`:
  decision  allowed, denied, unavailable, or waived: it would be refused, but `shadow` lets it
            pass
  reason    why not: the stable code; and `cause`, the sentence for the operator
  stages    the nine stages, each with `number`, `name`, what it `saw` and what it
            `concluded`: passed, refused (with `reason` and `cause`) or not_reached; the last
            three tell the decision, the answer, and what a server would have recorded
  advice    what to do next, in sentences
  answer    what Envoy is told: `status`, `headers` and `body` of a refusal, or `set_headers`,
            `removed_headers` and `removed_query_parameters` of the request that goes on;
            `metadata`; and `grpc_error`, where an outage is told so

Exit codes:
  0   allowed
  1   denied, or waived: it would be denied without `shadow`
  64  bad command line, configuration or request
  69  unavailable: what the decision needs cannot be reached";

/// Explain what would be decided about a request, stage by stage.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct CheckCommand {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    #[command(flatten)]
    pub(super) request: RequestFlags,
    /// Read the request from this file instead; `-` reads from standard input.
    #[arg(long = "request", value_name = "FILE", conflicts_with = "RequestFlags")]
    pub(super) file: Option<PathBuf>,
    /// Decide as of this moment, on what the store holds now.
    #[arg(long, value_parser = parse_moment, value_name = "MOMENT")]
    pub(super) at: Option<Timestamp>,
    /// How to answer: for people or for programs.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) output: Output,
}

/// A request as curl is told one. What can hold a credential is kept out of `Debug` and of clap's messages.
#[derive(Debug, Args)]
pub(super) struct RequestFlags {
    /// The address that the request goes to, with its scheme.
    #[arg(required_unless_present = "file")]
    pub(super) url: Option<SecretString>,
    /// The method [default: GET, or POST where there is a body].
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(super) method: Option<String>,
    /// A header, as `name: value`; can be given several times.
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(super) headers: Vec<SecretString>,
    /// The body, or `@FILE`, which loses its line ends; several are joined with `&`.
    #[arg(short = 'd', long = "data", value_name = "DATA")]
    pub(super) data: Vec<SecretString>,
    /// The body as it is, or `@FILE` byte by byte.
    #[arg(long, value_name = "DATA", conflicts_with = "data")]
    pub(super) data_binary: Option<SecretString>,
    /// The address from which Envoy is asked.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) peer: Option<IpAddr>,
}
