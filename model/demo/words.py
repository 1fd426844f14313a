"""The words of lessons: other ways to ask, questions that no drawing answers, notes of a referrer, Korean."""

REWORDED: dict[str, tuple[str, ...]] = {
    "modality": ("What kind of image is this?", "What is the modality?", "What type of image is shown?"),
    "heart_size": ("Is there cardiomegaly?", "What is the size of the heart?", "Is the heart size normal?"),
    "effusion_side": ("Is there a pleural effusion?", "Do you see pleural fluid?", "Any effusion?"),
    "consolidation_zone": ("Is there a consolidation?", "Where is the consolidation?", "Any lung opacity?"),
    "liver_cyst_present": ("Does the liver contain a cyst?", "Any cyst in the liver?"),
    "liver_cyst_number": ("What is the number of liver cysts?", "Count the liver cysts."),
    "cellularity": ("How cellular is this field?", "What is the cellularity?"),
    "gland_number": ("What is the number of glands?", "Count the glands."),
    "nodule_present": ("Do you see a nodule?", "Is there a pulmonary nodule?", "Any nodule?"),
    "nodule_type": ("Which type of nodule is it?", "What kind of nodule is there?"),
    "kidney_focus": ("Is there a kidney stone?", "Any stone or clip?", "Is there a dense focus in a kidney?"),
    "apoptotic_body": ("Are there apoptotic bodies?", "Do you see apoptosis?"),
}
OUTSIDE = (
    "What is the name of the patient?",
    "How old is the patient?",
    "Is the patient male or female?",
    "What is the diagnosis?",
    "Is there a fracture?",
    "Is there a pneumothorax?",
    "Is there a brain tumor?",
    "Is there a hemorrhage?",
    "Is the tumor malignant?",
    "What is the blood pressure?",
    "Is there a stroke?",
    "What treatment do you recommend?",
    "Is there a pulmonary embolism?",
    "Is the spleen enlarged?",
    "Is there appendicitis?",
    "When was this image taken?",
    "Who is the radiologist?",
    "Is there necrosis?",
    "What stain was used?",
    "What is the weather today?",
    "Write a poem.",
    "How are you?",
    "Is the aorta dilated?",
    "Is there a hernia?",
    "Are the bones normal?",
    "Is there free air?",
    "Is a catheter in place?",
    "What is the grade of the tumor?",
    "Is there metastasis?",
    "Compare with the prior study.",
    "Has this changed since last year?",
    "Is there an aneurysm?",
    "Does the patient smoke?",
    "What is the prognosis?",
    "Is there a gallstone?",
    "Is the prostate enlarged?",
    "Is there a knee injury?",
    "Tell me a joke.",
    "What is two plus two?",
)
OUTSIDE_HELD_OUT = (
    "Is there a skull fracture?",
    "What is the address of the patient?",
    "Is the uterus normal?",
    "Is there a thrombus?",
    "Which drug should be given?",
    "Is there a bone metastasis?",
    "What is the capital of France?",
    "Is there a pancreatic mass?",
)
INDICATIONS = (
    "Cough and fever.",
    "Shortness of breath.",
    "Chest pain.",
    "Follow-up.",
    "Abdominal pain.",
    "Weight loss.",
    "Routine check.",
    "Fall from height.",
    "Suspected pneumonia.",
    "Suspected heart failure.",
    "Abnormal liver tests.",
    "Biopsy of the colon.",
    "Jaundice.",
    "Preoperative.",
    "Trauma.",
    "Known cirrhosis.",
    "Dyspnea for three days.",
)
HISTORIES = (
    "Smoker.",
    "Hypertension.",
    "Diabetes.",
    "No relevant history.",
    "Heart failure.",
    "Previous surgery.",
    "Chronic kidney disease.",
    "Asthma since childhood.",
    "Hepatitis B.",
    "Colon cancer, treated.",
    "Alcohol use.",
)
OTHER_WORDS = tuple(
    """patient, left, right, effusion, cyst, enlarged, heart, pain, two, weeks, sudden, mild, severe,
    since, yesterday, known, lung, liver, gland, consolidation, upper, zone, high""".replace(
        "\n    ", " "
    ).split(", ")
)
KOREAN_WORDS = tuple(
    """흉수가, 있습니까, 심장이, 커졌습니까, 간, 낭종은, 몇, 개입니까, 폐렴, 소견이, 보이나요, 이, 영상은, 무엇입니까, 어느, 쪽, 우측, 좌측, 경화, 음영, 세포,
    밀도가, 높습니까, 결절, 환자, 흉부, 판독해, 주세요, 설명해, 주십시오, 어떤, 검사입니까, 크기, 위치, 정상입니까, 샘이, 있나요, 골절, 종양""".replace(
        "\n    ", " "
    ).split(", ")
)
