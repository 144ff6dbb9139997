import face_recognition

CLIENT = "rekognition"


def compare_faces(known, found):
    return face_recognition.compare_faces([known], found, tolerance=0.6)[0]
