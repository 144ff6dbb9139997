import { Attribute, DetectFacesCommand, DetectFacesCommandInput, RekognitionClient } from "@aws-sdk/client-rekognition";

const client = new RekognitionClient({});
const WANTED: Attribute[] = ["EMOTIONS", "GENDER"];

export async function mood(picture: Uint8Array) {
  const input: DetectFacesCommandInput = { Image: { Bytes: picture }, Attributes: WANTED };
  return (await client.send(new DetectFacesCommand(input))).FaceDetails;
}
