/** The table of commands; each is loaded only when it is run. */
import { SERVER_FLAGS } from './command.ts'
import type { Command } from './command.ts'

export const COMMANDS: readonly Command[] = [
  {
    name: 'serve',
    summary: 'Run the server: API, MLflow protocol, web UI and prediction gateway',
    usage: '',
    example: 'slipway serve --data ./slipway-data',
    flags: [
      { name: 'data', value: 'DIR', meaning: 'Data folder (default .slipway).' },
      { name: 'port', value: 'N', meaning: 'Port of API and web UI, 0 = a free one (default 4600).' },
      { name: 'gateway-port', value: 'N', meaning: 'Port of predictions, 0 = a free one (default 4601).' },
      { name: 'gateways', value: 'N', meaning: 'Gateway processes that share the port (default 1).' },
      { name: 'host', value: 'NAME', meaning: 'Address to listen on (default 127.0.0.1).' },
      { name: 'allow-host', value: 'NAME', many: true, meaning: 'A further host name that requests may use.' },
      { name: 'no-auth', meaning: 'Everyone is admin; on a loopback address only.' },
    ],
    load: () => import('./serve.ts'),
  },
  {
    name: 'env',
    summary: 'Print the variables that point MLflow and other tools at the server, or a login link',
    usage: '',
    example: 'eval "$(slipway env)"',
    flags: [...SERVER_FLAGS, { name: 'link', meaning: 'Print a link that opens the web UI once.' }],
    load: () => import('./env.ts'),
  },
  {
    name: 'audit',
    summary: 'Read the audit trail, or verify its hash chain',
    usage: '[verify]',
    example: 'slipway audit verify',
    flags: SERVER_FLAGS,
    load: () => import('./audit.ts'),
  },
]
