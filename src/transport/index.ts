/** Byte streams to another twintree (a child, ssh, TLS, stdio) and the Peer that speaks frames over one. */
export * from './connection.js';
export { connect } from './connect.js';
export { startChild, type ChildRun } from './child-run.js';
export { askControl, LONGEST_ANSWER, LONGEST_QUESTION, serveControl, type ControlServer } from './control-socket.js';
export { servePage, type PageServer } from './metrics-server.js';
export { Peer, type PeerOptions } from './peer.js';
export { LinkMeter, type RoundTrip } from './link-meter.js';
export { checkedHost, DEFAULT_PORT, hostAddress, parseRemoteSpec, type DaemonSpec, type HostAddress, type RemoteSpec, type SshSpec } from './remote-spec.js';
export { agentCommand, DEFAULT_REMOTE_PATH, quoteForShell, remoteCommand, splitShell, type RemoteShell } from './ssh.js';
export { selfBootstrap } from './bootstrap.js';
export { parseServerCall, type ServerCall } from './agent-args.js';
export { listenTls, type ClientIdentity, type ListenOptions, type TlsListener } from './tls-server.js';
export { fingerprintOf, makeCertificate, parseFingerprint, type CertificateOptions, type CertificatePair, type KeyKind } from './certificate.js';
export { formatToken, makeToken, readIdentity, readSecret, readTokens, writeNew, type Token } from './secret-files.js';
export { checkHost, defaultKnownHosts, hostKey, rememberHost, type HostVerdict } from './known-hosts.js';
export type { Delivery } from './delivery.js';
export { sendMail, type MailMessage, type MailOptions, type MailServer } from './mail.js';
export { sendRequest, type WebRequest } from './web-request.js';
