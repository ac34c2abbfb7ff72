/** Addresses of webhooks as they are shown: nothing of a secret is left, and what was shown can be given back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { maskedUrl } from '../contract/secrets/addresses.ts'
import { maskedMonitor, maskedText, unmaskedMonitor, withoutSecrets } from './masked.ts'

const SLACK = 'https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/cccccccccccccccccccccccc'

test('of an address its server is shown and nothing that may be a secret', () => {
  assert.deepEqual(
    [
      SLACK,
      'https://ann:s3cret@alerts.example.org/in',
      'https://alerts.example.org/?token=s3cret',
      'https://alerts.example.org/#s3cret',
      'https://s3cret@alerts.example.org/',
      'http://127.0.0.1:8080/',
      'http://127.0.0.1:8080',
      '$SLIPWAY_WEBHOOK_ALERTS',
      's3cret',
    ].map(maskedUrl),
    [
      'https://hooks.slack.com/***',
      'https://alerts.example.org/***',
      'https://alerts.example.org/***',
      'https://alerts.example.org/***',
      'https://alerts.example.org/***',
      'http://127.0.0.1:8080/',
      'http://127.0.0.1:8080/',
      '$SLIPWAY_WEBHOOK_ALERTS',
      '***',
    ],
  )
})

describe('settings of a monitor', () => {
  const kept = {
    slices: ['a'],
    webhook: SLACK,
    webhooks: [{ name: 'chat', url: `${SLACK}2`, from: 'low' }, { name: 3 }],
  }
  const shown = maskedMonitor(kept)

  test('are shown without the secrets, and are else as they are', () => {
    assert.deepEqual(shown, {
      slices: ['a'],
      webhook: 'https://hooks.slack.com/***',
      webhooks: [{ name: 'chat', url: 'https://hooks.slack.com/***', from: 'low' }, { name: 3 }],
    })
    assert.deepEqual(maskedMonitor({ webhook: 7, webhooks: 'x' }), { webhook: 7, webhooks: 'x' })
    assert.deepEqual(maskedMonitor({}), {})
  })

  test('that are given back as they were shown keep their secrets; others are taken as they are', () => {
    assert.deepEqual(unmaskedMonitor(shown, kept), kept)
    assert.deepEqual(unmaskedMonitor({ webhook: 'https://example.org/new' }, kept), {
      webhook: 'https://example.org/new',
    })
    assert.deepEqual(unmaskedMonitor({}, kept), {})
  })

  test('are refused where what was shown is of nothing that is kept', () => {
    const refused = (given: object, known: object): void =>
      assert.throws(() => unmaskedMonitor({ ...given }, { ...known }), { code: 'invalid_field' })
    refused({ webhook: 'https://hooks.slack.com/***' }, {})
    refused({ webhook: 'https://hooks.slack.com/***' }, { webhook: 'https://example.org/x' })
    refused({ webhooks: [{ name: 'pager', url: 'https://hooks.slack.com/***' }] }, kept)
  })

  test('take their secrets out of the text of a project file', () => {
    const text = maskedText(`monitor:\n  webhook: ${SLACK}\n  again: "${SLACK}2"\n`, kept)
    assert.doesNotMatch(text, /services|cccc/)
    assert.match(text, /again: "https:\/\/hooks\.slack\.com\/\*\*\*"/, 'and no end of the longer one is left')
    assert.match(text, /webhook: https:\/\/hooks\.slack\.com\/\*\*\*\n/)
  })
})

test('an address that the text writes in another form goes with its line', () => {
  const text = 'monitor:\n  webhook: "https://hooks.slack.com\\u002fservices\\u002fT0AAA"\n  slices: [a]\n'
  const masked = maskedText(text, { webhook: 'https://hooks.slack.com/services/T0AAA' })
  assert.equal(masked, 'monitor:\n  webhook:***\n  slices: [a]\n')
})

test('an answer that repeats an address loses each part that may be secret', () => {
  const address = 'https://ann:pass word@example.org/services/T0AAA/x%20y1?token=tok3n&v=1#frag3'
  for (const said of [
    'cannot POST /services/T0AAA/x%20y1?token=tok3n&v=1',
    'no hook T0AAA here',
    'wrong token tok3n of frag3',
    'x y1 is not known',
    address,
  ])
    assert.doesNotMatch(withoutSecrets(said, address), /T0AAA|tok3n|frag3|y1|pass/, said)
  assert.equal(withoutSecrets('status 500', address), 'status 500')
  assert.equal(withoutSecrets('what is "s3cret"?', 's3cret'), 'what is "***"?')
})
