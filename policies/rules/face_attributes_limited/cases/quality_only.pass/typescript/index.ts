import { Rekognition } from "@aws-sdk/client-rekognition";

const rekognition = new Rekognition({});

export const faces = async (bytes: Uint8Array): Promise<number> =>
  (await rekognition.detectFaces({ Image: { Bytes: bytes } })).FaceDetails?.length ?? 0;
