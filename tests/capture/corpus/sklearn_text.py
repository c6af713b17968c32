# %%
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, export_text

mails = ["cheap pills now", "meeting at noon", "win cheap money", "lunch at noon today", "money money now"]
spam = [1, 0, 1, 0, 1]

# %%
counts = CountVectorizer()
matrix = counts.fit_transform(mails)
matrix.shape, sorted(counts.vocabulary_)[:4]

# %%
matrix.toarray()[0]

# %%
matrix

# %%
classifier = make_pipeline(TfidfVectorizer(), MultinomialNB())
classifier.fit(mails, spam)
classifier.predict(["cheap lunch money", "noon meeting"])

# %%
def words_of(text):
    return [word[:4] for word in text.split()]

# %%
short = CountVectorizer(tokenizer=words_of, token_pattern=None).fit(mails)
len(short.vocabulary_), short.get_feature_names_out()[:3]

# %%
tree = DecisionTreeClassifier(random_state=0).fit(matrix, spam)
print(export_text(tree, feature_names=list(counts.get_feature_names_out())))

# %%
short.transform(["monday money"]).sum()
