// CloudFront function on viewer-request (runtime cloudfront-js-2.0): refuses what was taken down, also what is still cached.
// The key-value store holds the SHA-256 of each key that was taken down. Whatever can't be answered is refused.
import cf from 'cloudfront';
import crypto from 'crypto';

const takedowns = cf.kvs();

function refused(status, words) {
  return { statusCode: status, statusDescription: words, headers: { 'cache-control': { value: 'no-store' } } };
}

// One way of writing each key, that of invalidations: or copies that are cached under another one (%2E for a dot) would outlive them.
function written(part) {
  return encodeURIComponent(part).replace(/[!'()*]/g, (sign) => '%' + sign.charCodeAt(0).toString(16).toUpperCase());
}

async function handler(event) {
  const request = event.request;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refused(405, 'Method Not Allowed');
  }
  let name;
  try {
    const key = decodeURIComponent(request.uri.slice(1)) || 'index.html'; // what the bare address stands for, under its own name
    name = crypto.createHash('sha256').update(key).digest('hex');
    request.uri = '/' + key.split('/').map(written).join('/');
  } catch (malformed) {
    return refused(400, 'Bad Request');
  }
  try {
    if (await takedowns.exists(name)) {
      return refused(410, 'Gone');
    }
  } catch (outOfReach) {
    return refused(503, 'Service Unavailable');
  }
  return request;
}
