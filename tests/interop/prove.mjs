// Makes a proof of possession (docs/wire.md section 8) with jose, as an app in another language would.
//
//   node prove.mjs --key FILE --audience AUD --token TOKEN --method POST --url URL [--body TEXT] [--now SECONDS]
//
// `--key`: the instance's private JWK. Prints the proof.

import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'

import { importJWK, SignJWT } from 'jose'

const { values: args } = parseArgs({
  options: {
    key: { type: 'string' },
    audience: { type: 'string' },
    token: { type: 'string' },
    method: { type: 'string' },
    url: { type: 'string' },
    body: { type: 'string', default: '' },
    now: { type: 'string' },
  },
})
const digest = (data) => createHash('sha256').update(data).digest('base64url')
// Not `new URL`: it would respell what the client sends.
const [htu, ...query] = args.url.split('?')
const rawQuery = query.join('?')

const proof = await new SignJWT({
  aud: args.audience,
  jti: randomBytes(16).toString('base64url'),
  iat: args.now ? Number(args.now) : Math.floor(Date.now() / 1000),
  htm: args.method,
  htu,
  ...(rawQuery && { query_digest: digest(rawQuery) }),
  ...(args.body && { content_digest: digest(args.body) }),
  ath: digest(args.token),
})
  .setProtectedHeader({ typ: 'oauth-client-attestation-pop+jwt', alg: 'ES256' })
  .sign(await importJWK(JSON.parse(await readFile(args.key, 'utf8')), 'ES256'))
console.log(proof)
