/** Flags of `slipway serve`. */
import { flagsOf, type Flag } from '../invocation/command.ts'

export const SERVE_FLAGS: readonly Flag[] = flagsOf({
  'data DIR': 'Data folder (default .slipway).',
  'port N': 'Port of API and web UI, 0 = a free one (default 4600).',
  'gateway-port N': 'Port of predictions, 0 = a free one (default 4601).',
  'grpc-port N': 'Port of predictions over gRPC, 0 = a free one (default 4602; 0 with --gateway-port 0).',
  'gateway-tls-cert FILE': 'Certificate in PEM: predictions and gRPC are then answered over TLS only, with HTTP/2.',
  'gateway-tls-key FILE': 'The key of that certificate, in PEM.',
  'signing-key FILE':
    'Private key in PEM by which reproductions are attested: elliptic curve P-256, P-384 or P-521, without a passphrase.',
  'gateways N': 'Gateway processes that share the port (default 1).',
  'host NAME': 'Address to listen on (default 127.0.0.1).',
  'allow-host NAME ...': 'A further host name that requests may use.',
  'isolation MODE':
    'auto, required or off: whether steps, models and builds are kept from what is the server’s (default auto).',
  'no-auth': 'Everyone is admin; on a loopback address only.',
})
