import { describe, expect, test } from '@jest/globals';
import {
  connectionFailure,
  malformedAnswer,
  statusFailure,
  timeoutFailure,
} from '../../../src/signer/signer-failure.js';

const PLACE = { signer: 'signer.example:9000', at: 'here.remoteSignerConfig' };

describe('connectionFailure', () => {
  test.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.caCert'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.caCert'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.caCert'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.caCert'],
    ['CERT_HAS_EXPIRED', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.caCert'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.caCert'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.cert'],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.cert'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.cert'],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.cert'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.cert'],
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'SIGNER_UNTRUSTED', 'here.remoteSignerConfig.cert'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'SIGNER_UNAVAILABLE', 'here.remoteSignerConfig.url'],
    ['HPE_INVALID_CONSTANT', 'SIGNER_UNAVAILABLE', 'here.remoteSignerConfig.url'],
    ['ECONNRESET', 'SIGNER_UNAVAILABLE', 'here.remoteSignerConfig.cert'],
    ['ECONNREFUSED', 'SIGNER_UNAVAILABLE', 'here.remoteSignerConfig.url'],
    ['ENOTFOUND', 'SIGNER_UNAVAILABLE', 'here.remoteSignerConfig.url'],
  ])('default: %s is %s, and the advice names %s', (reason, code, key) => {
    const failure = connectionFailure(Object.assign(new Error('x'), { code: reason }), PLACE);
    expect(failure).toMatchObject({ code, facts: { signer: PLACE.signer } });
    expect(failure.advice).toMatch(new RegExp(`${key.replace('.', '\\.')}\\b`));
  });

  test('behavior: what is no error of Node is a signer that does not answer', () => {
    expect(connectionFailure('x', PLACE)).toMatchObject({ code: 'SIGNER_UNAVAILABLE', cause: 'x' });
  });
});

describe('statusFailure', () => {
  test.each([
    [400, 'SIGNER_REFUSED'],
    [401, 'SIGNER_REFUSED'],
    [403, 'SIGNER_REFUSED'],
    [404, 'SIGNER_REFUSED'],
    [302, 'SIGNER_UNAVAILABLE'],
    [429, 'SIGNER_UNAVAILABLE'],
    [500, 'SIGNER_UNAVAILABLE'],
    [503, 'SIGNER_UNAVAILABLE'],
  ])('default: %d is %s', (status, code) => {
    expect(statusFailure(status, 'why', PLACE)).toMatchObject({ code, facts: { status, answer: 'why' } });
  });

  test('behavior: of a page as an answer, one short line is told', () => {
    const page = `<html>\n${'x'.repeat(1_000)}`;
    expect(String(statusFailure(500, page, PLACE).facts.answer)).toMatch(/^<html> x{193}$/);
    expect(String(malformedAnswer('signature', page, PLACE).facts.answer)).toHaveLength(200);
  });
});

test('timeoutFailure: names the limit', () => {
  expect(timeoutFailure(10_000, PLACE)).toMatchObject({
    code: 'SIGNER_UNAVAILABLE',
    facts: { timeoutMs: 10_000 },
  });
});
