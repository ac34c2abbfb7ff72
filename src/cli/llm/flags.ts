/** `slipway llm` in the table of commands. */
import { flagsOf, SERVER_FLAGS, type Command } from '../invocation/command.ts'

export const LLM_COMMANDS: readonly Command[] = [
  {
    name: 'llm',
    summary:
      'List, add and remove providers, endpoints, virtual keys, budgets and prices of language models, and the servers that divide budgets; ask a model; say what of it fails',
    usage:
      '[providers|endpoints|keys|budgets|prices|servers] [list] | providers|endpoints|keys add NAME | budgets add DOLLARS | prices add PROVIDER/MODEL | prices import FILE | endpoints change NAME | providers|endpoints|keys|budgets|servers remove NAME | ask ENDPOINT [TEXT] | state',
    example: 'slipway llm endpoints add chat --model openai/gpt-4o-mini --fallback local/llama3.1',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'project NAME': 'The project (default: that of the token, else default).',
        'vendor NAME': 'With `providers add`: openai, anthropic, azure, gemini, bedrock, ollama, … (default: NAME).',
        'base-url URL': 'With `providers add`: where it is called (default: where the vendor is, if that is known).',
        'key-file FILE': 'With `providers add`: its API key, from a file, or - for standard input.',
        'key-env VARIABLE': 'With `providers add`: its API key, from a variable of the environment.',
        'credentials-file FILE':
          'With `providers add`: credentials that are no API key, a JSON object, or - for standard input.',
        'setting NAME=VALUE ...': 'With `providers add`: aws_region_name or api_version, for example.',
        'model PROVIDER/MODEL[=WEIGHT] ...':
          'With `endpoints add` or `change`: a model that answers, and its share of the calls; with `change` in place of all models.',
        'fallback PROVIDER/MODEL ...':
          'With `endpoints add` or `change`: a model that is called when others fail, in this order.',
        'attempts N': 'With `endpoints add` or `change`: most calls of providers for one call.',
        'routing POLICY':
          'With `endpoints add` or `change`: weighted (default), least_busy, latency, cost or prefix: how a model is chosen.',
        'cache TIME':
          'With `endpoints add` or `change`: for how long an equal call is given the same answer, as 10m or 1h, or off (default).',
        'cache-share WHOM':
          'With `--cache`: who is given it: endpoint (all its callers, default) or key (who asked first).',
        'guardrails FILE':
          'With `endpoints add` or `change`: a list of guardrails in YAML or JSON, in place of those before.',
        'no-guardrails': 'With `endpoints change`: without guardrails from now on.',
        trace: 'With `endpoints change`: calls are traced (with `add` the default).',
        'no-trace': 'With `endpoints add` or `change`: calls are not traced.',
        'endpoint NAME ...': 'With `keys add`: an endpoint that it may call (default: all of the project).',
        'rpm N': 'With `keys add`: calls a minute.',
        'tpm N': 'With `keys add`: tokens a minute.',
        'concurrency N': 'With `keys add`: calls at once.',
        'user NAME': 'With `keys add`: whose it is.',
        'team NAME': 'With `keys add`: whose it is.',
        'tag NAME ...': 'With `keys add`: a tag, for budgets.',
        'no-content': 'With `keys add`: of prompts and answers only digests are kept.',
        'days N': 'With `keys add`: when it expires.',
        'scope SCOPE': 'With `budgets add`: key, user, team, project (default) or tag.',
        'of NAME': 'With `budgets add`: which key (its id), user, team or tag.',
        'window WINDOW': 'With `budgets add`: day, week, month (default) or total.',
        soft: 'With `budgets add`: a call that could pass the limit is told, and not refused.',
        'alert PART ...': 'With `budgets add`: tell at this part of the limit, such as 0.8 (the default).',
        'input DOLLARS': 'With `prices add`: of a million input tokens.',
        'output DOLLARS': 'With `prices add`: of a million output tokens.',
        'cache-read DOLLARS': 'With `prices add`: of a million input tokens from the cache (default: as --input).',
        'cache-write DOLLARS': 'With `prices add`: of a million input tokens written to it (default: as --input).',
        'request DOLLARS': 'With `prices add`: of a request (default 0).',
        'max-output N':
          'With `prices add`: most output tokens of a call that sets no limit, for budgets, or none (default: as before).',
        'from TIME': 'With `prices add`: from when it holds, as 2026-05-03T10:00:00Z (default: now).',
        'note TEXT': 'With `prices add`: why.',
        'system TEXT':
          'With `ask`: the instructions before the text, which is read from standard input where none is given.',
        'temperature NUMBER': 'With `ask`: from 0 to 2.',
        'max-tokens N': 'With `ask`: most tokens of the answer.',
      }),
    ],
    load: () => import('./llm.ts'),
  },
]
