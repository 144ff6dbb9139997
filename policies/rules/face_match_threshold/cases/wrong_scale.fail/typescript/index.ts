import { RekognitionClient, SearchUsersByImageCommand } from "@aws-sdk/client-rekognition";

const client = new RekognitionClient({});
const SURE = 0.95;

export async function who(selfie: Uint8Array): Promise<string | undefined> {
  const request = { CollectionId: "members", Image: { Bytes: selfie }, UserMatchThreshold: SURE };
  const answer = await client.send(new SearchUsersByImageCommand(request));
  return answer.UserMatches?.[0]?.User?.UserId;
}
