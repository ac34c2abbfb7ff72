/** The pages of language models in a real browser. */
import { pageCases } from './pages.cases.ts'

pageCases([
  [
    'llm',
    '/llm',
    [
      'Endpoint summaries is not answered',
      '214,380',
      '61,300 calls',
      'in steps of 30 min',
      'chat-large',
      'refused, 429',
      'cut off, 200',
      'client left, 499',
      'estimated',
      'reserved',
      'no price',
    ],
  ],
  [
    'llm-narrowed',
    '/llm?by=key&key=tok_notes&outcome=ok',
    ['without a key', 'key crew-notes', 'These calls', '1 call'],
  ],
  [
    'llm-call',
    '/llm/calls/llm_01k2chat',
    [
      'Show its trace',
      'overloaded_error',
      'personal data',
      'replaced it',
      '$.top_k',
      'Will UA 221 be late?',
      'by the usage that the provider told',
    ],
  ],
  ['llm-call-refused', '/llm/calls/llm_01k2refused', ['No provider was asked', 'only digests are kept']],
  [
    'llm-keys',
    '/llm/keys',
    ['key support-bot', 'passed, 108 %', 'not known', 'New key', 'crew-notes', '400 k tokens/min'],
  ],
  [
    'llm-providers',
    '/llm/providers',
    ['fallback 1', 'sealed here', 'watsonx has an API', 'sources differ', 'litellm says'],
  ],
  [
    'llm-playground',
    '/llm/playground',
    ['Side A', 'Side B', 'Nothing has been asked yet', 'Run both', 'kept in this tab', 'llama-3.3-70b'],
  ],
])
