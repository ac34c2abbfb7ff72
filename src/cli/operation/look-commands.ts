/** Commands that look at a server and change nothing: how it stands, and what is wrong on its machine. */
import { SERVER_FLAGS, type Command } from '../invocation/command.ts'

export const LOOK_COMMANDS: readonly Command[] = [
  {
    name: 'status',
    summary: 'Say what needs attention, how each endpoint is and what runs',
    usage: '',
    example: 'slipway status',
    flags: SERVER_FLAGS,
    load: () => import('./status.ts'),
  },
  {
    name: 'doctor',
    summary: 'Look for what commonly goes wrong on a machine',
    usage: '',
    example: 'slipway doctor',
    flags: SERVER_FLAGS,
    load: () => import('./doctor.ts'),
  },
]
