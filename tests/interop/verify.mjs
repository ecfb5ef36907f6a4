// Verifies an attestation token the way a backend in another language would: with jose and the published JWKS.
//
//   node verify.mjs --issuer ORIGIN --jwks-url URL --audience AUD --token TOKEN
//                   [--typ TYP] [--now SECONDS] [--confidential-key FILE]
//
// Prints {"claims": …, "confidential": …} and exits 0, or {"refused": CODE} and exits 1. `--now` is for test tokens.

import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'

import { compactDecrypt, createRemoteJWKSet, errors, importJWK, jwtVerify } from 'jose'

const { values: args } = parseArgs({
  options: {
    issuer: { type: 'string' },
    'jwks-url': { type: 'string' },
    audience: { type: 'string' },
    token: { type: 'string' },
    typ: { type: 'string', default: 'oauth-client-attestation+jwt' },
    now: { type: 'string' },
    'confidential-key': { type: 'string' },
  },
})
for (const name of ['issuer', 'jwks-url', 'audience', 'token']) {
  if (!args[name]) throw new Error(`--${name} is missing`) // jose checks only what it is asked for
}

async function openConfidentialPart(jwe, jti) {
  const jwk = JSON.parse(await readFile(args['confidential-key'], 'utf8'))
  const { plaintext } = await compactDecrypt(jwe, await importJWK(jwk, 'ECDH-ES'), {
    keyManagementAlgorithms: ['ECDH-ES'],
    contentEncryptionAlgorithms: ['A256GCM'],
  })
  if (plaintext.length !== 1024) throw new errors.JWEInvalid('the plaintext is not 1,024 bytes long')
  const verdict = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plaintext))
  if (verdict.jti !== jti) throw new errors.JWEInvalid('the confidential part of another token')
  return verdict
}

try {
  const { payload } = await jwtVerify(args.token, createRemoteJWKSet(new URL(args['jwks-url'])), {
    issuer: args.issuer,
    audience: args.audience,
    typ: args.typ,
    algorithms: ['ES256'],
    requiredClaims: ['iss', 'aud', 'sub', 'jti', 'iat', 'exp', 'cnf'],
    clockTolerance: 60,
    ...(args.now && { currentDate: new Date(Number(args.now) * 1000) }),
  })
  const confidential = args['confidential-key']
    ? await openConfidentialPart(payload.assay_verdict, payload.jti)
    : null
  console.log(JSON.stringify({ claims: payload, confidential }))
} catch (error) {
  if (!(error instanceof errors.JOSEError)) throw error
  console.log(JSON.stringify({ refused: error.code, claim: error.claim }))
  process.exitCode = 1
}
