//! Certificates, requests and lists under attack.
