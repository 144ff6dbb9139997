// Lambda@Edge on origin-response (Node.js): serves an object only if its metadata carries a verdict that the gate signed.
// It sees headers, never the body. Lambda@Edge has no environment variables, so the two constants are written in when it is built.
'use strict';

const crypto = require('crypto');

const PUBLIC_KEYS = '@PUBLIC_KEYS@'.split(' ').filter(Boolean); // DER in Base64: the seal's, and the one before it
const SERVABLE = '@SERVABLE@'.split(' ');

function header(headers, name) {
  const found = headers[name];
  return found && found.length === 1 ? found[0].value : '';
}

function sealed(uri, headers) {
  const verdict = header(headers, 'x-amz-meta-averment-verdict');
  const range = /^bytes [0-9]+-[0-9]+[/]([0-9]+)$/.exec(header(headers, 'content-range'));
  const size = range ? range[1] : header(headers, 'content-length');
  if (!SERVABLE.includes(verdict) || !/^\d+$/.test(size)) {
    return false;
  }
  const issued = header(headers, 'x-amz-meta-averment-issued');
  const statement = ['averment-verdict/1', decodeURIComponent(uri.slice(1)), size, verdict, issued].join('\n');
  const signature = Buffer.from(header(headers, 'x-amz-meta-averment-seal'), 'base64');
  return PUBLIC_KEYS.some((der) => {
    const key = { key: Buffer.from(der, 'base64'), format: 'der', type: 'spki' };
    return crypto.verify('sha256', Buffer.from(statement), key, signature);
  });
}

exports.handler = async (event) => {
  const { request, response } = event.Records[0].cf;
  if (!['200', '206'].includes(String(response.status))) {
    return response;
  }
  let good = false;
  try {
    good = sealed(request.uri, response.headers);
  } catch (broken) {
    console.log('refused: ' + broken.message);
  }
  if (good) {
    return response;
  }
  return {
    status: '403',
    statusDescription: 'Forbidden',
    headers: { 'cache-control': [{ key: 'Cache-Control', value: 'no-store' }] },
    body: '',
  };
};
